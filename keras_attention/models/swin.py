"""Swin Transformers: attention in windows, which are shifted in every second block.

References: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021, arXiv:2103.14030; Liu et al., "Swin Transformer V2: Scaling Up Capacity and Resolution",
CVPR 2022, arXiv:2111.09883; Chen et al., "Searching the Search Space of Vision Transformer",
NeurIPS 2021, arXiv:2111.14725, the variants "s3". The merging of patches is at the start of a
stage, as timm has it and the paper has not, so that a stage ends with its blocks.
"""

from collections.abc import Mapping, Sequence

import keras
from keras import ops

from ..layers import WindowAttention
from ..layers.checks import at_least
from ..ops import axes, windows
from . import slots
from .drop_path import drop, ramp
from .head import Body, pool
from .parts import activate, from_last, to_last
from .swin_variants import VARIANTS
from .tokens import PatchEmbedding

__all__ = ["OPTIONS", "VARIANTS", "default_size", "network", "stage_windows"]

# What a caller of `models.build` may change.
OPTIONS = ("width", "window_size", "drop_path")

PATCH = 4
HEAD_WIDTH = 32
MLP_RATIO = 4
OWN = ("window", "swin", WindowAttention)


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return arguments["size"]


def network(
    x,
    *,
    depths: tuple[int, ...],
    width: int,
    window_size: int | Sequence[int],
    size: int,
    post_norm: bool = False,
    pretrained_windows: Sequence[int] | None = None,
    drop_path: float = 0.0,
    attention: slots.Slots = None,
):
    """The maps of the images `x` after each stage, and the mean of the last, normalised.

    Where a slot says "window" or {"type": "window", ...}, that layer has the window, the shift and
    the heads of its block but for what the spec says itself. In training the branches of the last
    block are left out for an image as often as `drop_path` says, those before it less often, in a
    line from 0.
    """
    chosen, rates = slots.resolve(attention, depths), ramp(drop_path, depths)
    if at_least(1, "swin", width=width) % HEAD_WIDTH:
        raise ValueError(
            f"swin: width must be a multiple of {HEAD_WIDTH}, the width of a head. "
            f"Received: width={width}"
        )
    sizes = stage_windows(window_size, size, x.shape[1:], len(depths))
    x = PatchEmbedding(width, PATCH, cut=True, name="stem_conv")(x)
    # Between attention layers channels are last: Keras's layer normalisation on torch needs it.
    x = layer_norm(to_last(x, name="stem_last"), name="stem_norm")
    levels = {}
    for stage, depth in enumerate(depths, start=1):
        if stage > 1:
            x = merge(x, post_norm, f"stage{stage}_merge")
        for number in range(1, depth + 1):
            place = {"window_size": sizes[stage - 1], "num_heads": x.shape[-1] // HEAD_WIDTH}
            if pretrained_windows is not None:
                place["pretrained_window"] = pretrained_windows[stage - 1]
            spec = placed(chosen[stage, number], place, shifted=number % 2 == 0)
            x = block(x, spec, post_norm, rates[stage, number], f"stage{stage}_block{number}")
        levels[f"stage{stage}"] = from_last(x, name=f"stage{stage}_first")
    x = layer_norm(x, name="norm")
    return Body(levels, pool(from_last(x, name="norm_first")))


def stage_windows(
    window_size: int | Sequence[int], size: int, shape: Sequence[int | None], stages: int = 4
) -> list[tuple[int, int]]:
    """Height and width of the windows of each stage: no larger than its map.

    Args:
        window_size: Side of the windows, of all stages or of each.
        size: Side of the images where `shape` does not say it.
        shape: Of one image, in Keras's data format.

    >>> stage_windows(7, 224, (160, 192, 3))
    [(7, 7), (7, 7), (7, 7), (5, 6)]
    """
    wanted = [window_size] * stages if isinstance(window_size, int) else list(window_size)
    if len(wanted) != stages:
        raise ValueError(
            f"swin: window_size must be an integer or one for each of {stages} stages. "
            f"Received: window_size={window_size!r}"
        )
    space = axes.space_axes(keras.config.image_data_format())
    sides = [(shape[axis - 1] or size) // PATCH for axis in space]
    found = []
    for largest in wanted:
        at_least(1, "swin", window_size=largest)
        height, width = (min(largest, side) for side in sides)
        found.append((height, width))
        sides = [windows.padded(side, 2) // 2 for side in sides]
    return found


def placed(spec, place: Mapping, shifted: bool):
    """`spec`, with what its place gives where it stands for windows and does not say otherwise."""
    given = dict(spec) if isinstance(spec, Mapping) else {"type": spec}
    if given.get("type") not in OWN:
        return spec
    if given.get("version", 1) == 1:
        place = {key: value for key, value in place.items() if key != "pretrained_window"}
    given = {**place, **given}
    # Half a window; the layer takes none along an axis that one window covers.
    half = max(windows.sides(given["window_size"])) // 2
    return {"shift": half if shifted else 0, **given}


def block(x, spec, post_norm, rate, name):
    """Attention, where there is any, and a perceptron."""

    def attention(y):
        y = from_last(y, name=f"{name}_attention_first")
        y = slots.fill(spec, y, f"{name}_attention")
        return to_last(y, name=f"{name}_attention_last")

    def perceptron(y):
        width = y.shape[-1]
        y = dense(y, MLP_RATIO * width, name=f"{name}_mlp1")
        y = activate(y, "gelu", name=f"{name}_mlp_act")
        return dense(y, width, name=f"{name}_mlp2")

    if spec is not None:
        x = residual(x, attention, post_norm, rate, name, 1)
    return residual(x, perceptron, post_norm, rate, name, 2)


def residual(x, branch, post_norm, rate, name, index):
    """x + branch(norm(x)), or x + norm(branch(x)), which starts as x."""
    if post_norm:
        y = layer_norm(branch(x), name=f"{name}_norm{index}", gamma_initializer="zeros")
    else:
        y = branch(layer_norm(x, name=f"{name}_norm{index}"))
    y = drop(y, rate, f"{name}_drop{index}")
    return keras.layers.Add(name=f"{name}_add{index}")([x, y])


def merge(x, post_norm, name):
    """Half the height and width, twice the channels: four pixels become one."""
    units = 2 * x.shape[-1]
    x = StackPatches(name=f"{name}_stack")(x)
    if not post_norm:
        x = layer_norm(x, name=f"{name}_norm")
    x = dense(x, units, use_bias=False, name=f"{name}_dense")
    return layer_norm(x, name=f"{name}_norm") if post_norm else x


def dense(x, units, *, name, **options):
    """A dense layer on the last axis, with the papers' initial values."""
    normal = keras.initializers.TruncatedNormal(stddev=0.02)
    return keras.layers.Dense(units, kernel_initializer=normal, name=name, **options)(x)


def layer_norm(x, *, name, **options):
    """Layer normalisation of the last axis."""
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name, **options)(x)


@keras.saving.register_keras_serializable("keras_attention")
class StackPatches(keras.layers.Layer):
    """The pixels of each 2x2 patch as one, column by column; zeros fill up odd sides.

    (batch, height, width, channels) -> (batch, height / 2, width / 2, 4 * channels).
    """

    def call(self, x):
        x = windows.pad(x, 2)
        pixels = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return ops.concatenate(pixels, axis=-1)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        sides = [None if side is None else windows.padded(side, 2) // 2 for side in sides]
        return (batch, *sides, 4 * channels)
