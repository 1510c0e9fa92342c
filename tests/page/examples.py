"""One call of every layer, at any width and size, for whatever is measured of all of them."""

import dataclasses
from collections.abc import Callable

from keras_attention import layers

FRAMES = 8


def a_map(side, channels):
    return (1, side, side, channels)


def tokens(side, channels):
    return (1, side * side, channels)


def video(side, channels):
    return (1, FRAMES, side, side, channels)


def frames(side, channels):
    return (1, side * side, channels)


def query_and_tokens(side, channels):
    return [(1, channels), (1, side * side, channels)]


def tokens_and_state(side, channels):
    return [(1, side * side, channels), (1, channels)]


def skip_and_gating(side, channels):
    return [(1, side, side, channels), (1, side // 2, side // 2, channels)]


def potentials(side, channels):
    return (1, side * side, 8)


def logits_and_image(side, channels):
    return [(1, side, side, 21), (1, side, side, 3)]


def tokens_and_class_attention(side, channels):
    return [(1, side * side, channels), (1, 8, side * side)]


@dataclasses.dataclass(frozen=True)
class Example:
    """How to make and call a layer.

    Args:
        inputs: A function of the side of a map and of its channels to the shape of the input,
            channels last, or to a list of shapes.
        options: What the constructor needs, or needs to suit 256 channels.
        given: The inputs in words, where it is not a map.
    """

    inputs: Callable = a_map
    options: dict = dataclasses.field(default_factory=dict)
    given: str = "x"

    def make(self, key, **more):
        return layers.get(key, **{**self.options, **more})

    def code(self, key):
        """The call as a user writes it."""
        words = [repr(key), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"layers.get({', '.join(words)})({self.given})"


TOKENS = Example(tokens, given="tokens")
OTHERS: dict[str, Example] = {
    "additive": Example(query_and_tokens, {"units": 128}, "[query, tokens]"),
    "attention_gate": Example(skip_and_gating, given="[skip, gating]"),
    "attention_pool": TOKENS,
    "chain_crf": Example(potentials, given="potentials"),
    "class": TOKENS,
    "context_vector": TOKENS,
    "conv_crf": Example(logits_and_image, given="[logits, image]"),
    "divided": Example(video, {"num_heads": 8}, "video"),
    "dot_product": Example(query_and_tokens, given="[query, tokens]"),
    "gated_pool": TOKENS,
    "joint": Example(video, {"num_heads": 8}, "video"),
    "mhsa": TOKENS,
    "soft_visual": Example(tokens_and_state, given="[features, state]"),
    "structured": TOKENS,
    "talking_heads": TOKENS,
    "temporal": Example(frames, given="frames"),
    "token_merge": Example(tokens, {"r": 8}, "tokens"),
    "token_select": Example(tokens_and_class_attention, given="[tokens, class_attention]"),
    "xca": TOKENS,
}


def example(key: str) -> Example:
    """The example of a layer: a map unless said otherwise."""
    return OTHERS.get(key, Example())


def batched(shape, number=None):
    """A shape or a list of them with another batch size."""
    if isinstance(shape, list):
        return [batched(one, number) for one in shape]
    return (number, *shape[1:])
