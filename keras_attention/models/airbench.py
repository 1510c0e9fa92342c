"""A small network that learns CIFAR-10 in minutes, with one attention slot per group.

Reference: Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv:2404.00498.
Differs from the paper: the filters of the whitening convolution are random until somebody sets them
(`whiten_conv`, which is not trained); the classifier has a bias; inputs may have any size.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from ..layers.checks import at_least
from ..ops import axes
from . import slots
from .head import Body
from .parts import activate, channels, conv, norm

OPTIONS = ("width", "growth")

# Section 3.1: groups of 64, 256 and 256 channels.
VARIANTS: dict[str, dict] = {
    "airbench94": {"depths": (1, 1, 1), "width": 64, "growth": (1, 4, 4)},
}

# Of the logits, which are large at first since the norms have no scale.
SCALE = 1 / 9


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return 32


def network(
    x, *, depths: Sequence[int], width: int, growth: Sequence[float], attention: slots.Slots = None
) -> Body:
    """The maps of the images `x` after each group, and the largest of the last, scaled.

    Args:
        x: Images, normalised.
        depths: Of attention slots in each group, always one.
        width: Channels of the first group.
        growth: Channels of each group as a multiple of the first's.
        attention: What stands after the second norm of a group, before its activation.
    """
    width = at_least(1, "airbench94", width=width)
    chosen = slots.resolve(attention, depths)
    # Both signs of each of the patches' principal directions.
    filters = 2 * 4 * channels(x)
    x = conv(x, filters, 2, padding="valid", trainable=False, name="whiten_conv")
    x = activate(Shift(name="whiten_shift")(x), "gelu", name="whiten_act")
    levels = {}
    for group, factor in enumerate(growth, start=1):
        x = levels[f"stage{group}"] = _group(
            x, int(width * factor), chosen[group, 1], f"stage{group}"
        )
    x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
    return Body(levels, keras.layers.Rescaling(SCALE, name="scale")(x))


def _group(x, filters, attention, name):
    name = f"{name}_block1"
    x = conv(x, filters, 3, kernel_initializer=PartialIdentity(), name=f"{name}_conv1")
    x = keras.layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    x = activate(_norm(x, f"{name}_norm1"), "gelu", name=f"{name}_act1")
    x = conv(x, filters, 3, kernel_initializer=PartialIdentity(), name=f"{name}_conv2")
    x = slots.fill(attention, _norm(x, f"{name}_norm2"), f"{name}_attention")
    return activate(x, "gelu", name=f"{name}_act2")


def _norm(x, name):
    return norm(x, scale=False, epsilon=1e-12, momentum=0.6, name=name)


@keras.saving.register_keras_serializable("keras_attention")
class Shift(keras.layers.Layer):
    """y = x + b, one number for each channel, at first 0: what is trained beside fixed filters."""

    def build(self, input_shape):
        self.axis = axes.channel_axis(keras.config.image_data_format())
        self.bias = self.add_weight(
            name="bias", shape=(input_shape[self.axis],), initializer="zeros"
        )

    def call(self, x):
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        return x + ops.reshape(self.bias, shape)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("keras_attention")
class PartialIdentity(keras.initializers.Initializer):
    """A kernel whose first filters hand on the input's channels; the others are random.

    Their numbers are uniform between -1 / sqrt(n) and 1 / sqrt(n), where n counts a filter's.
    """

    def __init__(self, seed=None):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        rows, columns, inputs, filters = shape
        random = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", self.seed)
        same = np.zeros(shape, "float32")
        for channel in range(min(inputs, filters)):
            same[rows // 2, columns // 2, channel, channel] = 1
        handed_on = np.arange(filters) < inputs
        return ops.where(handed_on, ops.cast(same, dtype), random(shape, dtype))

    def get_config(self):
        return {"seed": self.seed}
