"""Weights of multi-head attention of timm and torch -> ours."""

import numpy as np

from tests.torch_oracles.core import array_of, copy_dense, copy_norm, same


def copy_attention(source, layer) -> None:
    """timm's Attention or AttentionRope -> MultiHeadSelfAttention."""
    copy_dense(source.qkv, layer.qkv)
    copy_dense(source.proj, layer.proj)
    for theirs, ours in ((source.q_norm, layer.query_norm), (source.k_norm, layer.key_norm)):
        if layer.qk_norm == "layer":
            copy_norm(theirs, ours)
        elif layer.qk_norm == "rms":
            same(ours, "epsilon", theirs.eps)
            ours.set_weights([array_of(theirs.weight)])


def copy_torch_attention(source, layer) -> None:
    """torch.nn.MultiheadAttention -> MultiHeadSelfAttention."""
    layer.qkv.set_weights([array_of(source.in_proj_weight).T, array_of(source.in_proj_bias)])
    copy_dense(source.out_proj, layer.proj)


def copy_class_attention(source, layer) -> None:
    """timm's ClassAttn -> ClassAttention."""
    for theirs, ours in (("q", "query"), ("k", "key"), ("v", "value"), ("proj", "proj")):
        copy_dense(getattr(source, theirs), getattr(layer, ours))


def copy_talking_heads(source, layer) -> None:
    """timm's TalkingHeadAttn -> TalkingHeadsAttention."""
    copy_dense(source.qkv, layer.qkv)
    copy_dense(source.proj_l, layer.mix_logits)
    copy_dense(source.proj_w, layer.mix_weights)
    copy_dense(source.proj, layer.proj)


def copy_xca(source, layer) -> None:
    """timm's XCA -> CrossCovarianceAttention."""
    copy_dense(source.qkv, layer.qkv)
    copy_dense(source.proj, layer.proj)
    layer.temperature.assign(array_of(source.temperature))


def copy_lite_mla(source, layer) -> None:
    """timm's LiteMLA without scales and norms -> LinearAttention.

    Its qkv is packed by head, each query, key, value; ours is all queries, keys, values.
    """
    kernel = array_of(source.qkv.conv.weight)[:, :, 0, 0]
    rows = kernel.reshape(-1, 3, source.dim, kernel.shape[1]).swapaxes(0, 1)
    layer.qkv.set_weights([np.ascontiguousarray(rows.reshape(kernel.shape).T)])
    kernel = array_of(source.proj.conv.weight)[:, :, 0, 0]
    bias = source.proj.conv.bias
    layer.proj.set_weights([kernel.T, np.zeros(len(kernel)) if bias is None else array_of(bias)])
