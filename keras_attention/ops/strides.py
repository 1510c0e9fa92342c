"""Strides that start at the first pixel, as torch counts them.

Keras's "same" at a stride of 2 pads an even side at its end only, which moves the grid by a pixel.
"""

from keras import ops

from . import axes


def pad_space(x, amount: int, data_format: str):
    """`x` with that many rows and columns of zeros on each of its four sides."""
    padding = [(0, 0)] * 4
    for axis in axes.space_axes(data_format):
        padding[axis] = (amount, amount)
    return ops.pad(x, padding)


def subsample(x, step: int, data_format: str):
    """Each `step`-th row and column of `x`, from the first."""
    # A slice has the same sizes, but where they are unknown JAX cannot prove that to be so of a
    # slice and a convolution with strides.
    return ops.average_pool(x, 1, step, "valid", data_format) if step > 1 else x
