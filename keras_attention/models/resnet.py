"""Residual networks with one attention slot per block.

References: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385. The bottleneck has its stride in the 3x3 convolution, as torchvision and timm
have it and the paper has not. `resnet_variants` names the papers of the variants.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
from keras import ops

from ..layers import registry
from ..layers.checks import at_least, divides, one_of
from ..ops import axes
from . import slots
from .blur import Blur
from .drop_path import drop, ramp
from .head import Body, pool
from .parts import channels, conv_norm
from .resnet_variants import VARIANTS as VARIANTS
from .stems import STEMS

# What a caller of `models.build` may change.
OPTIONS = ("width", "growth", "stem", "between", "drop_path")

EXPANSION = {"basic": 1, "bottleneck": 4}


class Style(NamedTuple):
    """What all blocks of a network have in common.

    `groups`: of a bottleneck's 3x3 convolution ("cardinality"). `widening`: its channels, as a
    multiple of what a plain bottleneck has. `reduce_first`: what the channels of the first
    convolution are divided by.
    `mixer`: spec of the attention in place of the 3x3 convolution that has the stride: a layer
    with `filters`, `strides` and `groups`.
    `downsampling`: what halves a map: that convolution ("stride"), or the 2x2 "mean" or a "blur"
    after it, or the 3x3 mean "mean3" after it or "mean3_first".
    `shortcut`: how `x` changes shape: by a 1x1 "projection", a "mean" before one, a 3x3
    "convolution" or zeros ("pad").
    """

    groups: int = 1
    widening: float = 1
    reduce_first: int = 1
    mixer: registry.Spec | None = None
    downsampling: str = "stride"
    shortcut: str = "projection"


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return 32 if arguments["stem"] == "small" else 224


def network(
    x,
    *,
    depths: Sequence[int],
    block: str | Sequence[str],
    stem: str,
    width: int,
    growth: Sequence[float] | None = None,
    stem_scale: int = 1,
    stem_pool: str = "max",
    attention: slots.Slots = None,
    between: slots.Slots = None,
    drop_path: float = 0.0,
    **style,
) -> Body:
    """The maps of the images `x` after each stage, and the mean of the last.

    Args:
        x: Images, normalised.
        depths: Number of blocks in each stage.
        block: "basic" or "bottleneck"; or one for each stage.
        stem: One of `stems.STEMS`.
        width: Channels of the first stage, before a bottleneck's expansion.
        growth: Channels of each stage as a multiple of the first's; None doubles them.
        stem_scale: Channels of the stem as a multiple of the first stage's.
        stem_pool: One of `stems.POOLS`.
        attention: What stands at the end of blocks, before the sum.
        between: What stands between stages, on the map that the earlier one gives: a spec, a list
            with one for each stage but the last, or a dict from "stage1" and so on to specs.
        drop_path: How often the branch of the last block is left out for an image in training; in
            those before it less often, in a line from 0.
        **style: Fields of `Style`.
    """
    chosen = slots.resolve(attention, depths)
    rates = ramp(drop_path, depths)
    after = slots.resolve(between, (1,) * (len(depths) - 1))
    width = at_least(1, "resnet", width=width)
    blocks = (block,) * len(depths) if isinstance(block, str) else block
    growth = growth or [2**stage for stage in range(len(depths))]
    details = Style(**style)
    x = STEMS[one_of(STEMS, "resnet", stem=stem)](x, width * stem_scale, stem_pool)
    levels = {}
    for stage, depth in enumerate(depths, start=1):
        filters = int(width * growth[stage - 1])
        for number in range(1, depth + 1):
            name = f"stage{stage}_block{number}"
            stride = 2 if stage > 1 and number == 1 else 1
            extras = (chosen[stage, number], rates[stage, number])
            x = residual(x, filters, stride, blocks[stage - 1], details, extras, name)
        levels[f"stage{stage}"] = x
        x = slots.fill(after.get((stage, 1)), x, f"stage{stage}_attention")
    return Body(levels, pool(x))


def residual(x, filters, stride, block, style, extras, name):
    attention, rate = extras
    branches = {"basic": basic, "bottleneck": bottleneck}
    y = branches[block](x, filters, stride, style, name)
    y = slots.fill(attention, y, f"{name}_attention")
    y = drop(y, rate, f"{name}_drop")
    x = carry(x, filters * EXPANSION[block], stride, style.shortcut, name)
    x = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def basic(x, filters, stride, style, name):
    y = mix(x, filters, stride, style, name, index=1)
    return conv_norm(y, filters, 3, name=name, index=2)


def bottleneck(x, filters, stride, style, name):
    inner = int(filters * style.widening)
    y = conv_norm(x, inner // style.reduce_first, 1, name=name, index=1, activation="relu")
    y = mix(y, inner, stride, style, name, index=2)
    return conv_norm(y, filters * EXPANSION["bottleneck"], 1, name=name, index=3)


def mix(x, filters, stride, style, name, index):
    """The 3x3 convolution of a block, or the attention in its place, at this stride."""
    how = style.downsampling
    own, halve = (stride, False) if how == "stride" else (1, stride == 2)
    if halve and how == "mean3_first":
        x = shrink(x, how, name)
    options = {"filters": filters, "strides": own, "groups": style.groups}
    mixer = registry.get(style.mixer, name=f"{name}_mixer", **options)
    if mixer is not None:
        x = mixer(x)
    else:
        what = f"channels in {name}, so take another width"
        groups = divides(channels(x), what, "resnet", groups=style.groups)
        x = conv_norm(x, filters, 3, own, name=name, index=index, activation="relu", groups=groups)
    return shrink(x, how, name) if halve and how != "mean3_first" else x


def shrink(x, how, name):
    if how == "blur":
        return Blur(name=f"{name}_blur")(x)
    if how == "mean":
        return keras.layers.AveragePooling2D(2, name=f"{name}_mean")(x)
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_mean_pad")(x)
    return keras.layers.AveragePooling2D(3, 2, name=f"{name}_mean")(x)


def carry(x, filters, stride, shortcut, name):
    """`x` with the shape of the residual branch."""
    if stride == 1 and channels(x) == filters:
        return x
    name = f"{name}_shortcut"
    if shortcut == "pad":
        x = keras.layers.AveragePooling2D(1, stride, name=f"{name}_stride")(x)
        return PadChannels(filters, name=f"{name}_pad")(x)
    if shortcut == "mean" and stride > 1:
        # "same": at an odd edge the mean of what is there, as torch's ceil_mode has it.
        x = keras.layers.AveragePooling2D(2, stride, "same", name=f"{name}_mean")(x)
        stride = 1
    kernel_size = 3 if shortcut == "convolution" and stride > 1 else 1
    return conv_norm(x, filters, kernel_size, stride, name=name)


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
