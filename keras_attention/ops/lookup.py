"""Rows of a table by number, with an answer to numbers that it does not have."""

from keras import ops


def rows(table, index):
    """`table[index]`, and rows of NaN where the index is below 0 or beyond the last row.

    Backends differ there: one raises, one takes the nearest row, one gives zeros. None of them can
    raise inside a compiled graph, and what is NaN is not taken for an answer.

    Args:
        table: A tensor (rows, channels) of floats.
        index: A tensor of integers of any shape.
    Returns: A tensor (*shape of index, channels).
    """
    index, last = ops.cast(index, "int32"), table.shape[0] - 1
    known = ops.logical_and(index >= 0, index <= last)
    # Along axis 0 TensorFlow's gradient is sparse: Adam would square the share of each index alone.
    found = ops.take(table[None], ops.clip(index, 0, last), axis=1)[0]
    return ops.where(known[..., None], found, ops.full_like(found, float("nan")))
