"""What a distance is worth: its floors and ceilings, and whether two nets agree."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from . import checks
from .generative import frechet_distance, kernel_distance
from .results import Score


@dataclasses.dataclass(frozen=True)
class Floor:
    """Both distances of one comparison that needs no generator, or an untrained one."""

    name: str
    frechet: Score
    kernel: Score


@dataclasses.dataclass(frozen=True)
class Agreement:
    """The difference of two models in each net, and whether its sign is the same in all.

    Attributes:
        agree: False too where a difference is 0.
        differences: The value of the second model minus that of the first, by net.
    """

    agree: bool
    differences: Mapping[str, float]


def floors(
    train,
    test,
    others: Mapping[str, object] | None = None,
    net: str = "features",
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> tuple[Floor, ...]:
    """The numbers to print beside a result: what real, and what bad images get.

    Args:
        train: Features of real training images, (samples, features), which the others are
            compared with.
        test: Features of real images that were held out.
        others: More features by name, such as those of noise, of blurred images, and of what the
            generator made before it was trained.
        net: What made the features, for the results.
        subsets, subset_size, seed: As for `kernel_distance`; the seed also splits the halves.
    Returns: A `Floor` for "train, half and half", "train and test", and "train and <name>" for
        each of the others. A Frechet distance falls with the number of samples: give as many as
        the result had. The halves have half as many, so theirs is the larger by that.
    Raises: ValueError as the two distances.
    """
    samples = checks.features("floors", 2, train=train)
    order = np.random.default_rng(seed).permutation(len(samples))
    first, second = np.array_split(samples[order], 2)
    pairs = {"train, half and half": (first, second), "train and test": (samples, test)}
    pairs |= {f"train and {name}": (samples, other) for name, other in (others or {}).items()}
    draws = {"subsets": subsets, "subset_size": subset_size, "seed": seed}
    return tuple(
        Floor(
            name,
            frechet_distance(one, other, net, "train"),
            kernel_distance(one, other, net, "train", **draws),
        )
        for name, (one, other) in pairs.items()
    )


def agreement(first: Sequence[Score], second: Sequence[Score]) -> Agreement:
    """Whether all nets say the same of which of two models is the better one.

    Args:
        first: The scores of one model, in two different nets at least.
        second: Those of the other model: the same metric, nets and numbers of images.
    Raises: ValueError for scores that cannot be compared.

    >>> metrics.agreement([cbam_of_a, plain_of_a], [cbam_of_b, plain_of_b]).agree
    True
    """
    one, other = ({score.net: score for score in scores} for scores in (first, second))
    kinds = {score.metric.removesuffix(score.net) for score in [*first, *second]}
    repeated = len(one) < len(first) or len(other) < len(second)
    if one.keys() != other.keys() or len(one) < 2 or repeated or len(kinds) > 1:
        raise ValueError(
            "agreement needs one metric in the same nets, two at least, for both models. Received: "
            f"first={[score.metric for score in first]}, second={[s.metric for s in second]}"
        )
    for net in one:
        if _conditions(one[net]) != _conditions(other[net]):
            raise ValueError(
                "agreement needs scores of equal counts, reference and protocol. "
                f"Received: {one[net]} and {other[net]}"
            )
    differences = {net: other[net].value - one[net].value for net in one}
    signs = {np.sign(difference) for difference in differences.values()}
    return Agreement(signs in ({1.0}, {-1.0}), differences)


def _conditions(score: Score) -> tuple:
    return score.real, score.generated, score.reference, score.protocol
