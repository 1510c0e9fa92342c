"""Descriptors over space or over channels."""

from keras import ops


def mean_and_max(x, axes, keepdims: bool = False):
    """The mean and the maximum of `x` over the same axes."""
    return ops.mean(x, axes, keepdims=keepdims), ops.max(x, axes, keepdims=keepdims)
