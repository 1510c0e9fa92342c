"""Vision transformers."""

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops

from ...models import vit
from ...ops import resize
from . import parts
from .parts import conv, dense
from .rules import Rule

# The nets whose rotary positions have this base turn the first half of a head with x, ours with y.
X_FIRST_THETA = 100

BLOCK, OURS = "blocks.{b}", "stage1_block{b+1}"


def timm(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of timm's VisionTransformer, VisionTransformerDistilled and Eva."""
    norm = rms_norm if arguments.get("norm") == "rms" else parts.norm
    return (
        *conv("patch_embed.proj", "patches"),
        Rule("cls_token", "class_token/tokens"),
        Rule("dist_token", "distillation_token/tokens"),
        Rule("reg_token", "registers/tokens"),
        *positions(arguments),
        *norm("norm_pre", "pre_norm"),
        *norm(f"{BLOCK}.norm{{i}}", f"{OURS}_norm{{i}}"),
        *query_key_value(arguments["attention"]),
        *norm(f"{BLOCK}.attn.q_norm", f"{OURS}_attention/query_norm"),
        *norm(f"{BLOCK}.attn.k_norm", f"{OURS}_attention/key_norm"),
        *dense(f"{BLOCK}.attn.proj", f"{OURS}_attention/proj"),
        Rule(f"{BLOCK}.ls{{i}}.gamma", f"{OURS}_scale{{i}}/gamma"),
        Rule(f"{BLOCK}.gamma_{{i}}", f"{OURS}_scale{{i}}/gamma"),
        *dense(f"{BLOCK}.mlp.fc1", f"{OURS}_mlp_in"),
        *dense(f"{BLOCK}.mlp.fc2", f"{OURS}_mlp_out"),
        *parallel_block(arguments["hidden"], norm),
        *attention_pool(norm, arguments.get("pool") != "mean"),
        *norm("norm", "norm"),
        *norm("fc_norm", "norm"),
        *dense("head", "logits"),
        *dense("head_dist", "logits_distilled"),
    )


def rms_norm(source: str, target: str) -> tuple[Rule, ...]:
    """A normalisation without a mean and a bias."""
    return (Rule(f"{source}.weight", f"{target}/scale"),)


def query_key_value(attention: Mapping) -> tuple[Rule, ...]:
    """The first matrix of attention."""
    source, target = f"{BLOCK}.attn.qkv", f"{OURS}_attention/qkv"
    if attention.get("rope_theta") != X_FIRST_THETA:
        return dense(source, target)
    change = functools.partial(y_first, heads=attention["num_heads"])
    return (
        Rule(f"{source}.weight", f"{target}/kernel", change),
        Rule(f"{source}.bias", f"{target}/bias", change),
    )


def y_first(rows, heads: int):
    """(3 * channels, ...) -> (..., 3 * channels), halves of each query's and key's head swapped."""
    qkv = rows.reshape(3, heads, 2, -1, *rows.shape[1:])
    swapped = np.concatenate([qkv[:2, :, ::-1], qkv[2:]])
    return swapped.reshape(rows.shape).T


def positions(arguments: Mapping) -> tuple[Rule, ...]:
    """The table of positions: a part for each kind of prefix token, and that of the image."""
    if not arguments.get("embed_positions", True):
        return ()
    prefix = vit.prefix_tokens(arguments) if arguments.get("embed_prefix", True) else {}
    change = functools.partial(
        split_positions,
        counts=tuple(prefix.values()),
        grid=vit.grid(arguments["input_shape"], arguments),
    )
    targets = (*(f"{name}/positions" for name in prefix), "positions/table")
    return (Rule("pos_embed", targets, change),)


def split_positions(table, counts: Sequence[int], grid: tuple[int, int]) -> tuple:
    """(1, prefix + places, channels) -> (1, count, channels) of each count, (*grid, channels).

    Places that are another number are a square, and resized to the grid.
    """
    *prefix, places = np.split(table, np.cumsum(counts, dtype=int), axis=1)
    count, channels = places.shape[1:]
    side = math.isqrt(count)
    if side * side != count and count == math.prod(grid):
        return (*prefix, places.reshape(*grid, channels))
    places = places.reshape(side, side, channels)
    if grid != (side, side):
        places = ops.convert_to_tensor(places.astype("float32"))
        places = ops.convert_to_numpy(resize.bicubic(places, grid, (0, 1)))
    return (*prefix, places)


def parallel_block(hidden: int, norm) -> tuple[Rule, ...]:
    """A block whose MLP and attention share their first matrix, in this order."""
    split = functools.partial(split_rows, first=hidden)
    targets = (f"{OURS}_mlp_in", f"{OURS}_attention/qkv")
    return (
        *norm(f"{BLOCK}.in_norm", f"{OURS}_norm1"),
        Rule(f"{BLOCK}.in_proj.weight", tuple(f"{target}/kernel" for target in targets), split),
        Rule(f"{BLOCK}.in_proj.bias", tuple(f"{target}/bias" for target in targets), split),
        *dense(f"{BLOCK}.attn_out_proj", f"{OURS}_attention/proj"),
        *dense(f"{BLOCK}.mlp_out_proj", f"{OURS}_mlp_out"),
        Rule(f"{BLOCK}.ls.gamma", f"{OURS}_scale1/gamma"),
    )


def split_rows(array, first: int) -> tuple:
    """The first rows and the others, each a kernel if they have columns."""
    return tuple(part.T for part in np.split(array, [first]))


def attention_pool(norm, used: bool) -> tuple[Rule, ...]:
    """Attention whose learned query pools the tokens.

    SigLIP's files may have it where the model takes the mean: then it is not `used`.
    """
    rules = (
        Rule("attn_pool.latent", "pool/latent"),
        *dense("attn_pool.q", "pool/query"),
        *dense("attn_pool.kv", "pool/key_value"),
        *dense("attn_pool.proj", "pool/proj"),
        *norm("attn_pool.norm", "pool/norm"),
        *dense("attn_pool.mlp.fc1", "pool/mlp_in"),
        *dense("attn_pool.mlp.fc2", "pool/mlp_out"),
    )
    return rules if used else tuple(rule._replace(target=None) for rule in rules)
