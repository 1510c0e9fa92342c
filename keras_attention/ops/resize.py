"""Bilinear resizing that works with sizes unknown until the graph runs."""

from keras import ops


def bilinear(x, sizes, axes):
    """`x` with `sizes[i]` samples along `axes[i]`, by linear interpolation; the border is repeated.

    Samples are at the centres of pixels, as in `keras.ops.image.resize`, which on TensorFlow needs
    to know the size beforehand. Computed in float32 and cast back.
    """
    y = ops.cast(x, "float32")
    for size, axis in zip(sizes, axes, strict=True):
        matrix = _interpolation(ops.shape(x)[axis], size)
        y = ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), matrix), -1, axis)
    return ops.cast(y, x.dtype)


def _interpolation(before, after):
    """The (before, after) matrix of weights, whose columns sum to one."""
    old, new = (ops.cast(ops.arange(size), "float32") for size in (before, after))
    ratio = ops.cast(before, "float32") / ops.cast(after, "float32")
    last = ops.cast(before, "float32") - 1.0
    centre = ops.clip((new + 0.5) * ratio - 0.5, 0.0, last)
    return ops.relu(1.0 - ops.abs(old[:, None] - centre[None, :]))
