"""Residual networks with one attention slot per block.

References: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385. The bottleneck has its stride in the 3x3 convolution, as torchvision and timm
have it and the paper has not.
"""

from collections.abc import Mapping

import keras
from keras import ops

from ..layers.checks import at_least
from ..ops import axes
from . import slots

# He et al. 2016, table 1 and section 4.2. `width`: channels of the first stage. `stem`:
# "imagenet" is a 7x7 convolution and a max-pool, both of stride 2; "small" one 3x3 of stride 1.
# `shortcut`: how a residual changes shape, by a 1x1 "projection" or by zeros ("pad").
VARIANTS: dict[str, dict] = {
    "resnet18": {"depths": (2, 2, 2, 2), "block": "basic", "stem": "imagenet", "width": 64},
    "resnet34": {"depths": (3, 4, 6, 3), "block": "basic", "stem": "imagenet", "width": 64},
    "resnet50": {"depths": (3, 4, 6, 3), "block": "bottleneck", "stem": "imagenet", "width": 64},
    "resnet101": {"depths": (3, 4, 23, 3), "block": "bottleneck", "stem": "imagenet", "width": 64},
    "resnet152": {"depths": (3, 8, 36, 3), "block": "bottleneck", "stem": "imagenet", "width": 64},
    "resnet20": {
        "depths": (3, 3, 3), "block": "basic", "stem": "small", "width": 16, "shortcut": "pad"
    },
    "resnet32": {
        "depths": (5, 5, 5), "block": "basic", "stem": "small", "width": 16, "shortcut": "pad"
    },
    "resnet56": {
        "depths": (9, 9, 9), "block": "basic", "stem": "small", "width": 16, "shortcut": "pad"
    },
    "resnet110": {
        "depths": (18, 18, 18), "block": "basic", "stem": "small", "width": 16, "shortcut": "pad"
    },
}  # fmt: skip

# What a caller of `models.build` may change.
OPTIONS = ("width", "stem")

EXPANSION = {"basic": 1, "bottleneck": 4}


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return 224 if arguments["stem"] == "imagenet" else 32


def network(
    x,
    *,
    depths: tuple[int, ...],
    block: str,
    stem: str,
    width: int,
    shortcut: str = "projection",
    attention: slots.Slots = None,
):
    """The last feature maps of the images `x`."""
    chosen = slots.resolve(attention, depths)
    residual = {"basic": basic, "bottleneck": bottleneck}[block]
    width = at_least(1, "resnet", width=width)
    stems = {"imagenet": imagenet_stem, "small": small_stem}
    if stem not in stems:
        raise ValueError(f"resnet: stem must be one of {list(stems)}. Received: stem={stem!r}")
    x = stems[stem](x, width)
    for stage, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            name = f"stage{stage}_block{number}"
            stride = 2 if stage > 1 and number == 1 else 1
            filters = width * 2 ** (stage - 1)
            y = residual(x, filters, stride, name)
            y = slots.fill(chosen[stage, number], y, f"{name}_attention")
            x = carry(x, filters * EXPANSION[block], stride, shortcut, name)
            x = keras.layers.Add(name=f"{name}_add")([x, y])
            x = keras.layers.ReLU(name=f"{name}_out")(x)
    return x


def imagenet_stem(x, width):
    x = conv_norm(x, width, 7, 2, name="stem", activate=True)
    # Padded by hand, since "same" pads asymmetrically at stride 2; zeros cannot win after a ReLU.
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)


def small_stem(x, width):
    return conv_norm(x, width, 3, name="stem", activate=True)


def basic(x, filters, stride, name):
    y = conv_norm(x, filters, 3, stride, name=name, index=1, activate=True)
    return conv_norm(y, filters, 3, name=name, index=2)


def bottleneck(x, filters, stride, name):
    y = conv_norm(x, filters, 1, name=name, index=1, activate=True)
    y = conv_norm(y, filters, 3, stride, name=name, index=2, activate=True)
    return conv_norm(y, filters * EXPANSION["bottleneck"], 1, name=name, index=3)


def carry(x, filters, stride, shortcut, name):
    """`x` with the shape of the residual branch."""
    if stride == 1 and x.shape[axes.channel_axis(keras.config.image_data_format())] == filters:
        return x
    if shortcut == "projection":
        return conv_norm(x, filters, 1, stride, name=f"{name}_shortcut")
    x = keras.layers.AveragePooling2D(1, stride, name=f"{name}_shortcut_stride")(x)
    return PadChannels(filters, name=f"{name}_shortcut_pad")(x)


def conv_norm(x, filters, kernel_size, stride=1, *, name, index="", activate=False):
    """Convolution, normalisation and perhaps a ReLU, numbered `index` within the block `name`."""
    if kernel_size > 1 and stride > 1:
        # The same on both sides, as torch pads. Keras's "same" would shift the grid by a pixel.
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad{index}")(x)
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        stride,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
        name=f"{name}_conv{index}",
    )(x)
    x = keras.layers.BatchNormalization(
        axis=axes.channel_axis(keras.config.image_data_format()),
        momentum=0.9,
        epsilon=1e-5,
        name=f"{name}_norm{index}",
    )(x)
    return keras.layers.ReLU(name=f"{name}_relu{index}")(x) if activate else x


@keras.saving.register_keras_serializable("keras_attention")
class PadChannels(keras.layers.Layer):
    """`x` with channels of zeros appended until there are `filters`: He et al.'s option A."""

    def __init__(self, filters: int, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x):
        axis = axes.channel_axis(self.data_format)
        padding = [(0, 0)] * 4
        padding[axis] = (0, self.filters - x.shape[axis])
        return ops.pad(x, padding)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "data_format": self.data_format}
