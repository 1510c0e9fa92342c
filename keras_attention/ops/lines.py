"""Weights over the own row or column of a map, as weights over all positions, zero elsewhere."""

from keras import ops


def dense_columns(weights):
    """(B, heads, H, W, H), weights within the own column, -> (B, heads, N, N)."""
    columns = ops.eye(ops.shape(weights)[-2], dtype=weights.dtype)
    return _flatten(weights[..., None] * columns[:, None, :])  # (B, heads, H, W, H, W)


def dense_rows(weights):
    """(B, heads, H, W, W), weights within the own row, -> (B, heads, N, N)."""
    rows = ops.eye(ops.shape(weights)[-3], dtype=weights.dtype)
    return _flatten(weights[..., None, :] * rows[:, None, :, None])


def _flatten(weights):
    batch, heads, height, width = ops.shape(weights)[:4]
    return ops.reshape(weights, (batch, heads, height * width, height * width))
