"""How arrays change between torch's order of axes and Keras's."""

import numpy as np


def same(array):
    """`array` as it is."""
    return array


def conv(kernel):
    """(out, in / groups, height, width) -> (height, width, in / groups, out)."""
    return kernel.transpose(2, 3, 1, 0)


def depthwise(kernel):
    """(channels, 1, height, width) -> (height, width, channels, 1)."""
    return kernel.transpose(2, 3, 0, 1)


def dense(kernel):
    """(out, in), or that of a 1x1 convolution -> (in, out)."""
    return (
        kernel.reshape(kernel.shape[:2]).T if kernel.size == np.prod(kernel.shape[:2]) else kernel
    )


def conv1d(kernel):
    """(out, in, width) -> (width, in, out)."""
    return kernel.transpose(2, 1, 0)


def joined(*arrays):
    """Vectors one after the other, such as the biases of queries, keys and values."""
    return np.concatenate(arrays)
