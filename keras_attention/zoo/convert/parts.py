"""Rules of the parts that most networks have."""

from . import arrays
from .rules import Rule


def conv(source: str, target: str, change=arrays.conv) -> tuple[Rule, ...]:
    """A convolution, whether or not it has a bias."""
    return Rule(f"{source}.weight", f"{target}/kernel", change), Rule(
        f"{source}.bias", f"{target}/bias"
    )


def dense(source: str, target: str) -> tuple[Rule, ...]:
    """A dense layer or a 1x1 convolution in its place, whether or not it has a bias."""
    return conv(source, target, arrays.dense)


def norm(source: str, target: str) -> tuple[Rule, ...]:
    """A layer normalisation."""
    return Rule(f"{source}.weight", f"{target}/gamma"), Rule(f"{source}.bias", f"{target}/beta")


def batch_norm(source: str, target: str) -> tuple[Rule, ...]:
    """A batch normalisation; its counter of batches has no use."""
    return (
        *norm(source, target),
        Rule(f"{source}.running_mean", f"{target}/moving_mean"),
        Rule(f"{source}.running_var", f"{target}/moving_variance"),
        Rule(f"{source}.num_batches_tracked", None),
    )
