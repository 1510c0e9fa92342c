"""Stochastic depth: branches of a residual network that are left out by chance in training."""

from collections.abc import Sequence

import keras
from keras import ops

from ..layers.checks import rate as checked

NAME = "DropPath"


@keras.saving.register_keras_serializable("keras_attention")
class DropPath(keras.layers.Layer):
    """y = x m / (1 - rate) in training, m 0 with probability `rate`, else 1, drawn for each image.

    Otherwise y = x.

    Args:
        rate: Number from 0 to below 1.
        seed: Integer that the draws begin from; None takes one by chance.
        **kwargs: `dtype`, `name`.
    Input shape: (batch, ...). Output shape: the same.
    Raises: ValueError for another rate.
    Reference: Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, arXiv:1603.09382,
        where x is multiplied by 1 - rate at inference instead.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = checked(NAME, rate=rate), seed
        # Named after the layer, or the states of two layers would have one path.
        self.seed_generator = keras.random.SeedGenerator(seed, name=f"{self.name}_seed")

    def build(self, input_shape):
        pass

    def call(self, x, training=False):
        if not training or not self.rate:
            return x
        shape = (ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return x * ops.cast(draws >= self.rate, x.dtype) / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def ramp(rate: float, depths: Sequence[int]) -> dict[tuple[int, int], float]:
    """The rate of every block, keyed by (stage, block): from 0 in the first to `rate` in the last.

    >>> ramp(0.2, (1, 2))
    {(1, 1): 0.0, (2, 1): 0.1, (2, 2): 0.2}
    """
    checked(NAME, drop_path=rate)
    blocks = [
        (stage, block)
        for stage, depth in enumerate(depths, start=1)
        for block in range(1, depth + 1)
    ]
    last = max(1, len(blocks) - 1)
    return {place: rate * number / last for number, place in enumerate(blocks)}


def drop(x, rate: float, name: str):
    """`x` through a layer of that rate, or `x` itself for 0."""
    return DropPath(rate, name=name)(x) if rate else x
