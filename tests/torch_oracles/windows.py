"""Weights of local, relative and lambda attention of timm and torchvision -> ours."""

import numpy as np

from tests.torch_oracles.core import array_of, assign, copy_dense, copy_norm


def copy_window(source, layer) -> None:
    """torchvision's ShiftedWindowAttention, or ...V2 -> WindowAttention, version 1 or 2."""
    copy_dense(source.proj, layer.proj)
    if layer.version == 1:
        copy_dense(source.qkv, layer.qkv)
        layer.position_bias.assign(array_of(source.relative_position_bias_table))
    else:
        layer.qkv.kernel.assign(array_of(source.qkv.weight).T)
        query, _, value = np.split(array_of(source.qkv.bias), 3)  # of keys it sets them to zero
        layer.query_bias.assign(query)
        layer.value_bias.assign(value)
        layer.logit_scale.assign(array_of(source.logit_scale))
        copy_dense(source.cpb_mlp[0], layer.cpb_hidden)
        copy_dense(source.cpb_mlp[2], layer.cpb_out)


def copy_partition(source, layer) -> None:
    """timm's AttentionCl with RelPosBias -> BlockAttention or GridAttention.

    Its qkv is packed by head, each query, key, value; ours is all queries, keys, values.
    """
    heads, width = source.num_heads, source.dim_head

    def repacked(rows):
        rows = rows.reshape(heads, 3, width, -1).swapaxes(0, 1)
        return rows.reshape(3 * heads * width, -1)

    kernel, bias = (repacked(array_of(x)) for x in (source.qkv.weight, source.qkv.bias))
    layer.qkv.set_weights([kernel.T, bias[:, 0]])
    copy_dense(source.proj, layer.proj)
    layer.position_bias.assign(array_of(source.rel_pos.relative_position_bias_table))


def copy_bottleneck(source, layer) -> None:
    """timm's BottleneckAttn -> BottleneckAttention."""
    copy_dense(source.qkv, layer.qkv)
    _copy_tables(source, layer)


def copy_halo(source, layer) -> None:
    """timm's HaloAttn -> HaloAttention.

    Its kv is packed by head, each key, value; ours is all keys, then all values.
    """
    copy_dense(source.q, layer.query)
    rows = array_of(source.kv.weight)[:, :, 0, 0]
    by_head = rows.reshape(source.num_heads, -1, rows.shape[1])
    parts = by_head[:, : source.dim_head_qk], by_head[:, source.dim_head_qk :]
    assign(layer.key_value, np.concatenate([part.reshape(-1, rows.shape[1]) for part in parts]).T)
    _copy_tables(source, layer)


def _copy_tables(source, layer) -> None:
    layer.height_table.assign(array_of(source.pos_embed.height_rel))
    layer.width_table.assign(array_of(source.pos_embed.width_rel))


def copy_lambda(source, layer) -> None:
    """timm's LambdaLayer -> LambdaLayer(position_bias=True); its 3-D convolution has depth 1."""
    copy_dense(source.qkv, layer.qkv)
    copy_norm(source.norm_q, layer.query_norm)
    copy_norm(source.norm_v, layer.value_norm)
    weight = array_of(source.conv_lambda.weight)[..., 0]  # (key_dim, 1, rows, columns)
    assign(layer.position, np.moveaxis(weight, (0, 1), (-1, -2)), source.conv_lambda.bias)
