"""Resizing that works with sizes unknown until the graph runs."""

from keras import ops


def bilinear(x, sizes, axes):
    """`x` with `sizes[i]` samples along `axes[i]`, by linear interpolation; the border is repeated.

    Samples are at the centres of pixels, as in `keras.ops.image.resize`, which on TensorFlow needs
    to know the size beforehand. Computed in float32 and cast back.
    """
    return _resize(x, sizes, axes, _linear)


def bicubic(x, sizes, axes):
    """`x` with `sizes[i]` samples along `axes[i]`, by cubic interpolation without aliasing.

    Each sample is a weighted mean with Keys' kernel (a = -1/2), which is stretched where `x` is
    shrunk and cut off at the border. So do Pillow, and torch's `interpolate` in mode "bicubic"
    with `antialias`. Computed in float32 and cast back.

    Reference: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP
    1981.
    """
    return _resize(x, sizes, axes, _cubic)


def _resize(x, sizes, axes, weights):
    y = ops.cast(x, "float32")
    for size, axis in zip(sizes, axes, strict=True):
        matrix = weights(ops.shape(x)[axis], size)
        y = ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), matrix), -1, axis)
    return ops.cast(y, x.dtype)


def _linear(before, after):
    """The (before, after) matrix of weights, whose columns sum to one."""
    old, new, ratio = _positions(before, after)
    last = ops.cast(before, "float32") - 1.0
    centre = ops.clip((new + 0.5) * ratio - 0.5, 0.0, last)
    return ops.relu(1.0 - ops.abs(old[:, None] - centre[None, :]))


def _cubic(before, after):
    """The (before, after) matrix of weights, whose columns sum to one."""
    old, new, ratio = _positions(before, after)
    centre = (new + 0.5) * ratio - 0.5
    x = ops.abs(old[:, None] - centre[None, :]) / ops.maximum(ratio, 1.0)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    weights = ops.where(x < 1.0, near, ops.where(x < 2.0, far, 0.0))
    return weights / ops.sum(weights, axis=0, keepdims=True)


def _positions(before, after):
    """The numbers of the old and of the new samples, and how many old steps a new one takes."""
    old, new = (ops.cast(ops.arange(size), "float32") for size in (before, after))
    return old, new, ops.cast(before, "float32") / ops.cast(after, "float32")
