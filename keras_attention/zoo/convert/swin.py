"""Swin Transformers."""

import functools
from collections.abc import Mapping

from ...models.swin import stage_windows
from . import positions
from .parts import conv, dense, norm
from .rules import Rule

BLOCK, OURS = "layers.{s}.blocks.{b}", "stage{s+1}_block{b+1}"
ATTENTION = f"{OURS}_attention"


def timm(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of timm's SwinTransformer and SwinTransformerV2."""
    return (
        *conv("patch_embed.proj", "stem_conv"),
        *norm("patch_embed.norm", "stem_norm"),
        *norm("layers.{s}.downsample.norm", "stage{s+1}_merge_norm"),
        *dense("layers.{s}.downsample.reduction", "stage{s+1}_merge_dense"),
        *norm(f"{BLOCK}.norm{{i}}", f"{OURS}_norm{{i}}"),
        *dense(f"{BLOCK}.attn.qkv", f"{ATTENTION}/qkv"),
        *dense(f"{BLOCK}.attn.proj", f"{ATTENTION}/proj"),
        *dense(f"{BLOCK}.mlp.fc1", f"{OURS}_mlp1"),
        *dense(f"{BLOCK}.mlp.fc2", f"{OURS}_mlp2"),
        *position_tables(arguments),
        Rule(f"{BLOCK}.attn.q_bias", f"{ATTENTION}/query_bias"),
        Rule(f"{BLOCK}.attn.v_bias", f"{ATTENTION}/value_bias"),
        Rule(f"{BLOCK}.attn.logit_scale", f"{ATTENTION}/logit_scale"),
        *dense(f"{BLOCK}.attn.cpb_mlp.0", f"{ATTENTION}/cpb_hidden"),
        *dense(f"{BLOCK}.attn.cpb_mlp.2", f"{ATTENTION}/cpb_out"),
        # Older files hold what follows from the size of the window.
        Rule(f"{BLOCK}.attn_mask", None),
        Rule(f"{BLOCK}.attn.relative_position_index", None),
        Rule(f"{BLOCK}.attn.relative_coords_table", None),
        *norm("norm", "norm"),
        *dense("head.fc", "logits"),
    )


def position_tables(arguments: Mapping) -> tuple[Rule, ...]:
    """The tables of version 1, for the windows that maps of this size have."""
    windows = stage_windows(*(arguments[key] for key in ("window_size", "size", "input_shape")))
    return tuple(
        Rule(
            f"layers.{stage}.blocks.{{b}}.attn.relative_position_bias_table",
            f"stage{stage + 1}_block{{b+1}}_attention/position_bias",
            functools.partial(positions.table, window=window),
        )
        for stage, window in enumerate(windows)
    )
