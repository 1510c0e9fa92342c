"""Vision transformers with one attention slot per block.

References: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929;
Touvron et al., "Training data-efficient image transformers & distillation through attention",
ICML 2021, arXiv:2012.12877; Darcet et al., "Vision Transformers Need Registers", ICLR 2024,
arXiv:2309.16588. Those of the variants are in vit_variants.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import keras

from .. import layers
from ..layers.checks import at_least, one_of
from ..ops import axes
from . import activations, slots
from .drop_path import drop, ramp
from .head import Body
from .parts import activate, conv, max_pool
from .tokens import (
    LayerScale,
    MapToTokens,
    PatchEmbedding,
    PositionEmbedding,
    PrependTokens,
    SwiGLU,
    TakeToken,
    TokensToMap,
)
from .vit_variants import VARIANTS

__all__ = ["OPTIONS", "VARIANTS", "default_size", "grid", "network", "prefix_tokens"]

# What a caller of `models.build` may change.
OPTIONS = ("patch", "width", "depths", "hidden", "drop_path")

# Options of attention that give it positions, for which it must know the grid of the tokens.
POSITIONS = ("rope", "relative_position_bias")

NORMS = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}


def default_size(arguments: Mapping) -> int:
    """Height and width of the images that the variant was made for, in pixels."""
    return arguments["size"]


def grid(shape: Sequence[int | None], arguments: Mapping) -> tuple[int, int]:
    """How many patches images of this shape have down and across.

    Where a side is unknown, as many as those that the variant was made for.
    """
    space = axes.space_axes(keras.config.image_data_format())
    sides = [shape[axis - 1] or arguments["size"] for axis in space]
    return sides[0] // arguments["patch"], sides[1] // arguments["patch"]


def prefix_tokens(arguments: Mapping) -> dict[str, int]:
    """How many tokens precede those of the image, by the names of their layers, in order."""
    counts = {
        "class_token": int(arguments.get("class_token", True)),
        "distillation_token": int(arguments.get("distilled", False)),
        "registers": arguments.get("registers", 0),
    }
    return {name: count for name, count in counts.items() if count}


class Style(NamedTuple):
    """What the blocks of a variant have in common."""

    hidden: int
    activation: str
    norm: str
    epsilon: float
    layer_scale: float | None
    drop: float = 0.0


def network(
    x,
    *,
    width: int,
    depths: tuple[int, ...],
    hidden: int,
    patch: int,
    size: int,
    stem: str = "patches",
    class_token: bool = True,
    distilled: bool = False,
    registers: int = 0,
    embed_positions: bool = True,
    embed_prefix: bool = True,
    pre_norm: bool = False,
    block: str = "pre_norm",
    activation: str = "gelu",
    norm: str = "layer",
    epsilon: float = 1e-6,
    layer_scale: float | None = None,
    pool: str | Mapping = "token",
    pool_prefix: bool = False,
    last_norm: str | None = "tokens",
    drop_path: float = 0.0,
    attention: slots.Slots = None,
):
    """The maps of the images `x` after each block, without prefix tokens, and pooled features.

    Args:
        x: Images.
        width: Channels of a token.
        depths: The number of blocks, as the one entry of a tuple.
        hidden: Units of the hidden layer of an MLP.
        patch: Side of a patch in pixels.
        size: Sides of the images that the variant was made for, which positions are learned for
            where those of `x` are unknown.
        stem: "patches", or "convolutions": each 3x3, with a ReLU and the 3x3 maximum at a stride of
            2, so many that the strides make `patch`; those before the last have 64 channels.
        class_token: Whether there is a class token.
        distilled: Whether there is a second one with a classifier of its own.
        registers: Number of tokens without a meaning.
        embed_positions: Whether there are learned positions.
        embed_prefix: Whether those tokens have such positions too.
        pre_norm: Whether there is a normalisation before the first block; then patches are
            embedded without a bias.
        block: One of BLOCKS.
        activation: That of the MLPs, "gelu", "gelu_tanh", "quick_gelu" or "swiglu".
        norm: "layer" or "rms".
        epsilon: Added to the variance in a normalisation.
        layer_scale: What LayerScale starts as; None is without it.
        pool: "token" (the class token's), "mean" or the spec of a layer that pools.
        pool_prefix: Whether such a layer sees prefix tokens too.
        last_norm: What the last normalisation takes, "tokens" or "pooled"; None is without it.
        drop_path: How often the branches of the last block are left out for an image in training;
            those of blocks before it less often, in a line from 0.
        attention: What mixes tokens, see `models.build`. A spec with positions of its own need not
            say how many tokens there are.
    """
    _check(width, depths, hidden, patch)
    style = Style(hidden, activation, norm, epsilon, layer_scale)
    counts = prefix_tokens(
        {"class_token": class_token, "distilled": distilled, "registers": registers}
    )
    prefix = sum(counts.values())
    places = grid(x.shape[1:], {"patch": patch, "size": size})
    if one_of(("patches", "convolutions"), "vit", stem=stem) == "convolutions":
        maps = _convolutions(x, width, patch)
    else:
        cut = size % patch != 0
        maps = PatchEmbedding(width, patch, cut, use_bias=not pre_norm, name="patches")(x)
    if embed_positions:
        maps = PositionEmbedding(places, name="positions")(maps)
    x = _prepend(MapToTokens(name="tokens")(maps), counts, embed_positions and embed_prefix)
    if pre_norm:
        x = _norm(x, style, "pre_norm")
    levels, rates = {}, ramp(drop_path, depths)
    for (stage, number), spec in slots.resolve(attention, depths).items():
        name = f"stage1_block{number}"
        own = style._replace(drop=rates[stage, number])
        x = BLOCKS[block](x, _placed(spec, places, prefix), own, name)
        levels[f"block{number}"] = TokensToMap(prefix, name=f"{name}_map")([x, maps])
    if last_norm == "tokens":
        x = _norm(x, style, "norm")
    pooled = _pool(x, pool, 0 if pool_prefix else prefix, distilled, style)
    return Body(levels, _norm(pooled, style, "norm") if last_norm == "pooled" else pooled)


def _convolutions(x, width: int, patch: int):
    """Maps of `width` channels for each square of `patch` pixels, a power of 2."""
    count = patch.bit_length() - 1
    if 2**count != patch or not count:
        raise ValueError(
            f'vit: stem="convolutions" needs a patch of 2, 4, 8 and so on. Received: patch={patch}'
        )
    for number in range(1, count + 1):
        x = conv(x, width if number == count else 64, 3, name=f"stem_conv{number}")
        x = max_pool(activate(x, "relu", name=f"stem_act{number}"), name=f"stem_pool{number}")
    return x


def pre_norm_block(x, attention, style: Style, name: str):
    """x + f(norm(x)), f first the attention, then the MLP."""
    if attention is not None:
        y = slots.fill(attention, _norm(x, style, f"{name}_norm1"), f"{name}_attention")
        x = _add(x, _scale(y, style, f"{name}_scale1"), style, name, 1)
    y = _mlp(_norm(x, style, f"{name}_norm2"), style, name)
    return _add(x, _scale(y, style, f"{name}_scale2"), style, name, 2)


def post_norm_block(x, attention, style: Style, name: str):
    """x + norm(f(x)), f first the attention, then the MLP."""
    if attention is not None:
        y = slots.fill(attention, x, f"{name}_attention")
        x = _add(x, _norm(y, style, f"{name}_norm1"), style, name, 1)
    y = _mlp(x, style, name)
    return _add(x, _norm(y, style, f"{name}_norm2"), style, name, 2)


def parallel_block(x, attention, style: Style, name: str):
    """x + attention(y) + MLP(y), y = norm(x): Dehghani et al., arXiv:2302.05442."""
    y = _norm(x, style, f"{name}_norm1")
    mixed = _mlp(y, style, name)
    if attention is not None:
        y = slots.fill(attention, y, f"{name}_attention")
        mixed = keras.layers.Add(name=f"{name}_both")([y, mixed])
    return _add(x, _scale(mixed, style, f"{name}_scale1"), style, name, 1)


def between_block(x, attention, style: Style, name: str):
    """y = norm(x + attention(norm(x))), then y + MLP(y): Hassani et al., arXiv:2104.05704."""
    if attention is not None:
        y = slots.fill(attention, _norm(x, style, f"{name}_norm1"), f"{name}_attention")
        x = _add(x, y, style, name, 1)
    x = _norm(x, style, f"{name}_norm2")
    return _add(x, _mlp(x, style, name), style, name, 2)


BLOCKS: dict[str, Callable] = {
    "pre_norm": pre_norm_block,
    "post_norm": post_norm_block,
    "parallel": parallel_block,
    "between": between_block,
}


def _prepend(x, counts: Mapping[str, int], positions: bool):
    for name in reversed(list(counts)):
        x = PrependTokens(counts[name], positions, name=name)(x)
    return x


def _placed(spec, places: tuple[int, int], prefix: int):
    """`spec`, told the grid of the tokens if it is one with positions."""
    if isinstance(spec, Mapping) and any(spec.get(kind) for kind in POSITIONS):
        return {"grid_size": places, "num_prefix_tokens": prefix, **spec}
    return spec


def _mlp(x, style: Style, name: str):
    width = x.shape[-1]
    if style.activation == "swiglu":
        x = keras.layers.Dense(2 * style.hidden, name=f"{name}_mlp_in")(x)
        x = SwiGLU(name=f"{name}_mlp_gate")(x)
    else:
        function = activations.get(style.activation)
        x = keras.layers.Dense(style.hidden, activation=function, name=f"{name}_mlp_in")(x)
    return keras.layers.Dense(width, name=f"{name}_mlp_out")(x)


def _norm(x, style: Style, name: str):
    return NORMS[style.norm](axis=-1, epsilon=style.epsilon, name=name)(x)


def _scale(x, style: Style, name: str):
    return x if style.layer_scale is None else LayerScale(style.layer_scale, name=name)(x)


def _add(x, y, style: Style, name: str, index: int):
    """The sum of `x` and its branch `y`, which training may leave out."""
    y = drop(y, style.drop, f"{name}_drop{index}")
    return keras.layers.Add(name=f"{name}_add{index}")([x, y])


def _pool(x, pool: str | Mapping, prefix: int, distilled: bool, style: Style) -> Any:
    """A vector of the tokens `x`, without the first `prefix` of them; two of a distilled net."""
    if pool == "token":
        found = TakeToken(0, name="pool")(x)
        return (found, TakeToken(1, name="pool_distilled")(x)) if distilled else found
    if prefix:
        x = keras.layers.Cropping1D((prefix, 0), name="patch_tokens")(x)
    if pool == "mean":
        return keras.layers.GlobalAveragePooling1D("channels_last", name="pool")(x)
    options = {}
    if isinstance(pool, Mapping) and pool["type"] == "attention_pool":
        options = {"activation": activations.get(style.activation), "epsilon": style.epsilon}
    return cast("keras.layers.Layer", layers.get(pool, name="pool", **options))(x)


def _check(width, depths, hidden, patch) -> None:
    for name, value in {"width": width, "hidden": hidden, "patch": patch}.items():
        at_least(1, "vit", **{name: value})
    if not isinstance(depths, list | tuple) or len(depths) != 1:
        raise ValueError(
            "vit: depths must be the number of blocks as the one entry of a tuple, such as (12,). "
            f"Received: depths={depths!r}"
        )
    at_least(1, "vit", depths=depths[0])
