"""timm's residual networks with attention: a gate after a 3x3 convolution, or a mixer in its place.

References: Srinivas et al., "Bottleneck Transformers for Visual Recognition", CVPR 2021,
arXiv:2101.11605; Vaswani et al., "Scaling Local Self-Attention for Parameter Efficient Visual
Backbones", CVPR 2021, arXiv:2103.12731; Bello, "LambdaNetworks: Modeling Long-Range Interactions
Without Attention", ICLR 2021, arXiv:2102.08602; Dollar, Singh, Girshick, "Fast and Accurate Model
Scaling", CVPR 2021, arXiv:2103.06877 (RegNetZ). The sizes are timm's, not the papers'.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras

from ..layers.checks import at_least, divides
from ..layers.registry import Spec, get
from . import slots
from .byoanet_variants import VARIANTS as VARIANTS
from .drop_path import drop, ramp
from .head import Body, pool
from .parts import activate, conv, conv_norm, norm
from .parts import channels as channels_of

# What a caller of `models.build` may change.
OPTIONS = ("channels", "hidden", "features", "activation", "drop_path")


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return arguments.get("size", 256)


class Kind(NamedTuple):
    """The convolutions of a block: the sides of their kernels by name, 0 for attention instead.

    `strided` has the stride of the block, `attended` is followed by its gate.
    """

    kernels: dict[str, int]
    strided: str
    attended: str


KINDS = {
    "bottle": Kind({"1": 1, "2": 3, "3": 1}, "2", "2"),
    "edge": Kind({"1": 3, "2": 1}, "1", "1"),
    "mixer": Kind({"1": 1, "2": 0, "3": 1}, "2", "2"),
    "quad": Kind({"1": 1, "2": 3, "2b": 3, "3": 1}, "2", "2b"),
}


def network(
    x,
    *,
    depths: Sequence[int],
    channels: Sequence[int],
    hidden: Sequence[int] | None = None,
    expansion: int | None = None,
    group_sizes: Sequence[int] = (0, 0, 0, 0),
    stem: Sequence[int] = (24, 32, 64),
    plain: int = 0,
    stem_pool: bool = False,
    strides: Sequence[int] = (1, 2, 2, 2),
    kinds: Sequence[str] = ("bottle", "bottle", "bottle", "bottle"),
    mixers: Sequence[str] = (),
    features: int = 0,
    size: int = 256,
    activation: str = "silu",
    attention: slots.Slots = None,
    drop_path: float = 0.0,
):
    """The maps of the images `x` after each stage, and the mean of the last.

    Args:
        depths: Blocks of each stage. `channels`: what they give.
        hidden: Channels inside each stage's blocks.
        expansion: Factor of the channels that a block is given, in place of `hidden`. Such blocks
            end without an activation, and without a shortcut where they change the shape.
        group_sizes: Channels in a group of each stage's 3x3 convolutions; 0 is one group.
        stem: Channels of the 3x3 convolutions before the first stage.
        plain: How many of them, from the first on, are not normalised nor activated.
        stem_pool: Whether a maximum of stride 2 follows them, rather than the last of several
            having that stride.
        strides: Of each stage's first block. `kinds`: of each stage's blocks.
        mixers: Addresses of the blocks with attention in place of the 3x3 convolution.
        features: Channels of one more 1x1 convolution, after the last stage; 0 is none.
        size: Of the images, for `default_size`.
    """
    channels = widths("channels", channels, depths)
    if expansion and hidden is not None:
        raise ValueError(
            f"byoanet: hidden has no use where blocks expand their input. Received: hidden={hidden}"
        )
    hidden = None if expansion else widths("hidden", hidden, depths)
    chosen, rates = slots.resolve(attention, depths), ramp(drop_path, depths)
    mixing = slots.resolve(dict.fromkeys(mixers, "mixer"), depths)
    x = begin(x, stem, plain, stem_pool, activation)
    levels = {}
    for (stage, number), spec in chosen.items():
        index = stage - 1
        x = residual(
            x,
            channels[index],
            strides[index] if number == 1 else 1,
            kind=KINDS["mixer" if mixing[stage, number] else kinds[index]],
            hidden=hidden[index] if hidden else (expansion or 1) * channels_of(x),
            group_size=group_sizes[index],
            inverted=hidden is None,
            attention=spec,
            activation=activation,
            rate=rates[stage, number],
            name=f"stage{stage}_block{number}",
        )
        levels[f"stage{stage}"] = x
    if at_least(0, "byoanet", features=features):
        x = conv_norm(x, features, 1, name="final", activation=activation)
        levels[f"stage{len(depths)}"] = x
    return Body(levels, pool(x))


def widths(what: str, given: Sequence[int] | None, depths: Sequence[int]) -> tuple[int, ...]:
    """One number of channels for each stage."""
    if not isinstance(given, Sequence) or len(given) != len(depths):
        raise ValueError(
            f"byoanet: {what} must have one number for each of the {len(depths)} stages. "
            f"Received: {what}={given!r}"
        )
    return tuple(at_least(1, "byoanet", **{what: one}) for one in given)


def begin(x, stem: Sequence[int], plain: int, pooled: bool, activation: str):
    """Convolutions of 3x3, the first of stride 2, and to a quarter of the size if several."""
    for index, filters in enumerate(stem, start=1):
        last = index == len(stem) > 1
        stride = 2 if index == 1 or (last and not pooled) else 1
        if index <= plain:
            x = conv(x, filters, 3, stride, name=f"stem_conv{index}")
            continue
        options = {"activation": activation, "index": index if len(stem) > 1 else ""}
        x = conv_norm(x, filters, 3, stride, name="stem", **options)
    if not pooled:
        return x
    # At a stride of 2 "same" would shift the grid by a pixel, and zeros could win after a SiLU.
    x = keras.layers.MaxPooling2D(3, 1, padding="same", name="stem_pool_max")(x)
    return keras.layers.AveragePooling2D(1, 2, name="stem_pool")(x)


def residual(
    x, filters, stride, *, kind, hidden, group_size, inverted, attention, activation, rate, name
):
    """A block of that kind, with what it is given added where the shape allows or is changed."""
    y = x
    for index, kernel in kind.kernels.items():
        step = stride if index == kind.strided else 1
        last = index == [*kind.kernels][-1]
        if kernel:
            y = conv_norm(
                y,
                filters if last else hidden,
                kernel,
                step,
                name=name,
                index=index,
                activation=None if last else activation,
                groups=groups(hidden, group_size, name) if kernel > 1 else 1,
            )
        if index == kind.attended:
            y = attend(attention, y, 1 if kernel else step, name)
        if not kernel:
            y = norm(y, name=f"{name}_norm{index}")
            y = activate(y, activation, name=f"{name}_act{index}")
    if stride > 1 or channels_of(x) != filters:
        if inverted:
            return y
        x = conv_norm(x, filters, 1, stride, name=f"{name}_shortcut")
    y = keras.layers.Add(name=f"{name}_add")([x, drop(y, rate, f"{name}_drop")])
    return y if inverted else activate(y, activation, name=f"{name}_out")


def groups(hidden: int, group_size: int, name: str) -> int:
    """How many groups of that size there are; one for a size of 0."""
    divides(hidden, f"hidden channels of {name}", "byoanet", group_size=group_size or 1)
    return hidden // group_size if group_size else 1


def attend(spec: Spec | None, x, stride: int, name: str):
    """`x` through its attention, at a stride of its own or with a mean of that stride after it."""
    layer = get(spec, name=f"{name}_attention")
    own = getattr(layer, "strides", 1)
    if own not in (1, stride):
        raise ValueError(
            f"{name}_attention: this place has a stride of {stride}. Received: {spec!r}"
        )
    if layer is not None and own > 1:
        return layer(x)
    x = slots.fill(spec, x, f"{name}_attention")
    if stride == 1:
        return x
    return keras.layers.AveragePooling2D(stride, padding="same", name=f"{name}_mean")(x)
