"""Relative position terms of attention in a rectangle, positions row-major.

The index functions return NumPy constants; sizes must be known.
"""

import numpy as np
from keras import ops

# One number per offset and head, from a table.


def table_index(height: int, width: int) -> np.ndarray:
    """(N, N): the row of a table with (2 height - 1)(2 width - 1) rows for each query and key.

    The offset is query minus key, row-major from (-(height - 1), -(width - 1)) on.
    """
    rows, columns = (places.ravel() for places in np.indices((height, width)))
    down = rows[:, None] - rows[None, :] + height - 1
    right = columns[:, None] - columns[None, :] + width - 1
    return (down * (2 * width - 1) + right).astype("int32")


def table_bias(table, height: int, width: int):
    """(heads, N, N) from a table ((2 height - 1)(2 width - 1), heads)."""
    return ops.moveaxis(ops.take(table, table_index(height, width), axis=0), -1, 0)


def log_offsets(size: int | tuple[int, int], pretrained_size: int | None = None) -> np.ndarray:
    """((2 height - 1)(2 width - 1), 2): the offset (down, right) of each row of a table, in
    logarithms; `size` is the side of a square or (height, width).

    sign(z) log2(1 + abs(z)) / log2(8), z = 8 * offset / (pretrained_size - 1), as in the code of
    Swin Transformer V2; offsets of `pretrained_size` reach log2(9) / log2(8) = 1.06. None is
    `size`.
    """
    sides = np.broadcast_to(size, 2)
    offsets = np.indices(2 * sides - 1).reshape(2, -1).T - (sides - 1)
    scaled = 8 * offsets / np.maximum(1, (pretrained_size or sides) - 1)
    return (np.sign(scaled) * np.log2(1 + np.abs(scaled)) / 3).astype("float32")


# One vector per vertical and one per horizontal offset, multiplied with the query.


def offset_index(queries: int, keys: int, strides: int = 1) -> np.ndarray:
    """(queries, keys): along one axis the row of a table with 2 keys - 1 rows for each pair.

    The offset is key minus query, from -(keys - 1) on; queries are `strides` apart.
    """
    return np.arange(keys)[None, :] - strides * np.arange(queries)[:, None] + keys - 1


def factorised(query, height_table, width_table, height_index, width_index):
    """The logits q . (r_h + r_w), (B, heads, queries, keys).

    Args:
        query: (B, heads, queries, d).
        height_table: (2 key rows - 1, d). width_table: (2 key columns - 1, d).
        height_index: `offset_index` of the rows. width_index: of the columns.
    """
    (rows, key_rows), (columns, key_columns) = height_index.shape, width_index.shape
    heads, width = query.shape[1], query.shape[-1]
    q = ops.reshape(query, (-1, rows, columns, width))
    down = ops.einsum("nyxd,yjd->nyxj", q, ops.take(height_table, height_index, axis=0))
    right = ops.einsum("nyxd,xid->nyxi", q, ops.take(width_table, width_index, axis=0))
    down = ops.reshape(down, (-1, rows * columns, key_rows, 1))
    right = ops.reshape(right, (-1, rows * columns, 1, key_columns))
    return ops.reshape(down + right, (-1, heads, rows * columns, key_rows * key_columns))
