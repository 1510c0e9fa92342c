"""Residual networks whose norms come before the convolutions, for small images.

References: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, arXiv:1603.05027.
The first norm of a block that changes the shape stands before its shortcut too, as in the authors'
code; the shortcut is a 1x1 convolution.
"""

from collections.abc import Mapping, Sequence

import keras

from ..layers.checks import at_least
from . import slots
from .drop_path import drop, ramp
from .head import Body, pool
from .parts import activate, channels, conv, norm

OPTIONS = ("width", "growth", "drop_path")

# Section 3 of the paper has 110 and 164 layers; smaller ones divide alike: 6 n + 2 layers.
VARIANTS: dict[str, dict] = {
    f"preact_resnet{layers}": {"depths": ((layers - 2) // 6,) * 3, "width": 16}
    for layers in (20, 32, 56, 110)
}


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return 32


def network(
    x,
    *,
    depths: Sequence[int],
    width: int,
    growth: Sequence[float] | None = None,
    attention: slots.Slots = None,
    drop_path: float = 0.0,
) -> Body:
    """The maps of the images `x` after each stage, and the mean of the last after its norm.

    Args:
        x: Images, normalised.
        depths: Number of blocks in each stage.
        width: Channels of the first stage.
        growth: Channels of each stage as a multiple of the first's; None doubles them.
        attention: What stands at the end of blocks, before the sum.
        drop_path: How often the branch of the last block is left out for an image in training; in
            those before it less often, in a line from 0.
    """
    width = at_least(1, "preact_resnet", width=width)
    chosen, rates = slots.resolve(attention, depths), ramp(drop_path, depths)
    growth = growth or [2**stage for stage in range(len(depths))]
    x = conv(x, width, 3, name="stem_conv")
    levels = {}
    for stage, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            name, stride = f"stage{stage}_block{number}", 2 if stage > 1 and number == 1 else 1
            extras = (chosen[stage, number], rates[stage, number])
            x = block(x, int(width * growth[stage - 1]), stride, extras, name)
        levels[f"stage{stage}"] = x
    return Body(levels, pool(_norm_act(x, "last")))


def block(x, filters, stride, extras, name):
    """Two normalised 3x3 convolutions of `x`, the attention, and the sum with `x`."""
    attention, rate = extras
    y = _norm_act(x, name, 1)
    if stride > 1 or channels(x) != filters:
        x = conv(y, filters, 1, stride, name=f"{name}_shortcut_conv")
    y = conv(y, filters, 3, stride, name=f"{name}_conv1")
    y = conv(_norm_act(y, name, 2), filters, 3, name=f"{name}_conv2")
    y = slots.fill(attention, y, f"{name}_attention")
    y = drop(y, rate, f"{name}_drop")
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _norm_act(x, name, index=""):
    x = norm(x, name=f"{name}_norm{index}")
    return activate(x, "relu", name=f"{name}_act{index}")
