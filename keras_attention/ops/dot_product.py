"""Scaled dot-product attention, with masks that never give NaN."""

from keras import ops

# Finite, since minus infinity in a whole row gives NaN; only ever added to float32.
MASKED = -1e9


def masked_softmax(logits, mask=None, axis: int = -1):
    """softmax(logits) over `axis` in float32, zero where `mask` is False.

    `mask` is boolean and broadcasts against `logits`. Where it leaves nothing, the weights are 0.
    """
    logits = ops.cast(logits, "float32")
    if mask is None:
        return ops.softmax(logits, axis=axis)
    weights = ops.softmax(ops.where(mask, logits, MASKED), axis=axis)
    return weights * ops.cast(mask, "float32")


def attend(query, key, value, *, scale=None, bias=None, mask=None, dropout=None, training=None):
    """The pair (y, weights): weights = softmax(scale * query key^T + bias), y = weights value.

    Args:
        query: (..., heads, queries, d). key: (..., heads, keys, d). value: (..., heads, keys, e).
        scale: Factor of the products; None is 1 / sqrt(d).
        bias: Added to the scaled products; broadcasts against (..., heads, queries, keys).
        mask: Boolean, True where a key may be used; broadcasts likewise.
        dropout: A `keras.layers.Dropout` for the weights, or None.
    Returns: y (..., heads, queries, e) in the dtype of `value`, and the weights before dropout in
        float32.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    logits = ops.cast(ops.matmul(query * scale, ops.swapaxes(key, -1, -2)), "float32")
    if bias is not None:
        logits = logits + ops.cast(bias, "float32")
    weights = masked_softmax(logits, mask)
    applied = ops.cast(weights, value.dtype)
    if dropout is not None:
        applied = dropout(applied, training=training)
    return ops.matmul(applied, value), weights


def split_heads(x, heads: int):
    """(B, N, heads * d) -> (B, heads, N, d)."""
    x = ops.reshape(x, (*ops.shape(x)[:-1], heads, x.shape[-1] // heads))
    return ops.moveaxis(x, -2, -3)


def merge_heads(x):
    """The inverse of `split_heads`: (B, heads, N, d) -> (B, N, heads * d)."""
    x = ops.moveaxis(x, -3, -2)
    return ops.reshape(x, (*ops.shape(x)[:-2], x.shape[-2] * x.shape[-1]))
