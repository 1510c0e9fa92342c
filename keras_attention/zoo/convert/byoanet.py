"""Residual networks with attention: timm's ByobNet."""

import functools
import math
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from ...ops import axes
from . import arrays
from .parts import batch_norm, conv, dense, norm
from .rules import Rule

BLOCK, OURS = "stages.{s}.{b}", "stage{s+1}_block{b+1}"
MIXER, ATTENTION = f"{BLOCK}.self_attn", f"{OURS}_attention"

HALO_SOURCES = ("pos_embed.height_rel", "pos_embed.width_rel", "q.weight", "kv.weight")
HALO_TARGETS = ("height_table", "width_table", "query/kernel", "key_value/kernel")

# Pixels between the positions of a stage's maps in the nets with tables of the whole map.
REDUCTIONS = (4, 8, 16, 32)


def timm(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of timm's ByobNet."""
    return (
        *conv("stem.conv", "stem_conv"),
        *batch_norm("stem.bn", "stem_norm"),
        *conv("stem.conv{i}", "stem_conv{i}"),
        *conv_norm("stem.conv{i}", "stem", "{i}"),
        *conv_norm(f"{BLOCK}.conv{{i}}_1x1", OURS, "{i}"),
        *conv_norm(f"{BLOCK}.conv{{i}}_kxk", OURS, "{i}"),
        *conv_norm(f"{BLOCK}.conv{{i}}b_kxk", OURS, "{i}b"),
        *batch_norm(f"{BLOCK}.post_attn", f"{OURS}_norm2"),
        *conv_norm(f"{BLOCK}.shortcut", f"{OURS}_shortcut"),
        *conv_norm("final_conv", "final"),
        *dense("head.fc", "logits"),
        # Gates.
        *dense(f"{BLOCK}.attn.fc1", f"{ATTENTION}/squeeze"),
        *dense(f"{BLOCK}.attn.fc2", f"{ATTENTION}/excite"),
        *conv(f"{BLOCK}.attn.conv", f"{ATTENTION}/conv", arrays.conv1d),
        *dense(f"{BLOCK}.attn.conv_attn", f"{ATTENTION}/score"),
        *dense(f"{BLOCK}.attn.mlp_add.fc1", f"{ATTENTION}/squeeze"),
        *norm(f"{BLOCK}.attn.mlp_add.norm", f"{ATTENTION}/norm"),
        *dense(f"{BLOCK}.attn.mlp_add.fc2", f"{ATTENTION}/expand"),
        *unit(f"{BLOCK}.attn.conv1", f"{ATTENTION}/squeeze"),
        *unit(f"{BLOCK}.attn.ba.conv1", f"{ATTENTION}/describe"),
        *conv(f"{BLOCK}.attn.ba.conv_p", f"{ATTENTION}/rows", strips),
        *conv(f"{BLOCK}.attn.ba.conv_q", f"{ATTENTION}/columns", strips),
        *unit(f"{BLOCK}.attn.ba.conv2", f"{ATTENTION}/mix"),
        *unit(f"{BLOCK}.attn.conv2", f"{ATTENTION}/expand"),
        # Mixers. A halo is the one that has queries apart, and tables for any map.
        Rule(
            tuple(f"{MIXER}.{name}" for name in HALO_SOURCES),
            tuple(f"{ATTENTION}/{name}" for name in HALO_TARGETS),
            halo,
        ),
        *dense(f"{MIXER}.qkv", f"{ATTENTION}/qkv"),
        *batch_norm(f"{MIXER}.norm_q", f"{ATTENTION}/query_norm"),
        *batch_norm(f"{MIXER}.norm_v", f"{ATTENTION}/value_norm"),
        *conv(f"{MIXER}.conv_lambda", f"{ATTENTION}/position", of_lambda),
        *tables(arguments["input_shape"]),
    )


def conv_norm(source: str, target: str, index: str = "") -> tuple[Rule, ...]:
    """timm's ConvNormAct."""
    return (
        *conv(f"{source}.conv", f"{target}_conv{index}"),
        *batch_norm(f"{source}.bn", f"{target}_norm{index}"),
    )


def unit(source: str, target: str) -> tuple[Rule, ...]:
    """timm's ConvNormAct of one pixel, within an attention layer."""
    return *dense(f"{source}.conv", target), *batch_norm(f"{source}.bn", f"{target}_norm")


def strips(kernel):
    """(out, groups, strips, 1) or (out, groups, 1, strips) -> (strips * groups, out)."""
    return arrays.conv(kernel).reshape(-1, len(kernel))


def halo(height_table, width_table, query, key_value):
    """The kernel of keys and values is packed by head there; ours is all keys, then all values."""
    rows = key_value.reshape(query.shape[0] // height_table.shape[1], -1, key_value.shape[1])
    parts = np.split(rows, [height_table.shape[1]], axis=1)
    packed = np.concatenate([part.reshape(-1, rows.shape[-1]) for part in parts])
    return height_table, width_table, arrays.dense(query), packed.T


def of_lambda(kernel):
    """(keys, 1, rows, columns, 1) -> (rows, columns, 1, keys)."""
    return arrays.conv(kernel[..., 0])


def tables(input_shape) -> Iterator[Rule]:
    """Position tables of whole maps; the first block of a stage mixes before it has its stride."""
    first, second = axes.space_axes(keras.config.image_data_format())
    height, width = input_shape[first - 1], input_shape[second - 1]
    names = {
        "pos_embed.height_rel": ("height_table", of_sides, (height,)),
        "pos_embed.width_rel": ("width_table", of_sides, (width,)),
        "pos_emb": ("position/kernel", plane, (height, width)),
    }
    for stage, reduction in enumerate(REDUCTIONS):
        for block, number, pixels in (("0", "1", reduction // 2), ("{b}", "{b+1}", reduction)):
            for name, (weight, change, sides) in names.items():
                yield Rule(
                    f"stages.{stage}.{block}.self_attn.{name}",
                    f"stage{stage + 1}_block{number}_attention/{weight}",
                    functools.partial(change, sides=sides, pixels=pixels),
                )


def of_sides(table, sides: tuple[int, ...], pixels: int):
    """`table`, if it is for images with those sides, of which a position takes `pixels`."""
    made_for = [pixels * (rows + 1) // 2 for rows in table.shape[: len(sides)]]
    if made_for != [math.ceil(side / pixels) * pixels for side in sides]:
        raise ValueError(f"made for sides of {made_for} pixels. Received: {list(sides)}")
    return table


def plane(table, sides: tuple[int, ...], pixels: int):
    """(rows, columns, keys) -> (rows, columns, 1, keys)."""
    return of_sides(table, sides, pixels)[:, :, None]
