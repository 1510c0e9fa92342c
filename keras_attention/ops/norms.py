"""Vectors of length one."""

from keras import ops


def unit(x, axis: int = -1):
    """x / norm(x) along `axis`, in float32; a zero vector stays zero, and its gradient too.

    That of the norm itself is infinite at zero.
    """
    x = ops.cast(x, "float32")
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    positive = squares > 1e-24
    return ops.where(positive, x * ops.rsqrt(ops.where(positive, squares, 1.0)), 0.0)
