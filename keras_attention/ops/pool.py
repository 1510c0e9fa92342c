"""Descriptors over space or over channels."""

import math

from keras import ops


def mean_and_max(x, axes, keepdims: bool = False):
    """The mean and the maximum of `x` over the same axes."""
    return ops.mean(x, axes, keepdims=keepdims), ops.max(x, axes, keepdims=keepdims)


def strip_means(x, axes: tuple[int, int]):
    """The means of the rows and those of the columns of `x`, whose height and width are `axes`."""
    height, width = axes
    return ops.mean(x, width), ops.mean(x, height)


def halved(x):
    """The maxima of pairs of tokens, or of 2 x 2 pixels of a map or of each frame of a video.

    Channels last. An odd last row or column is a pair by itself.
    """
    pairs = {3: (2,), 4: (2, 2), 5: (1, 2, 2)}[len(x.shape)]
    return ops.max_pool(x, pairs, pairs, padding="same", data_format="channels_last")


def mean_and_variance(x, axes, unbiased: bool, keepdims: bool = False):
    """The mean and the variance of `x` over the same axes, in float32.

    `unbiased` divides the sum of squares by one less than the number of entries.
    """
    x = ops.cast(x, "float32")
    mean = ops.mean(x, axes, keepdims=True)
    variance = ops.mean(ops.square(x - mean), axes, keepdims=keepdims)
    if unbiased:
        entries = ops.cast(math.prod(ops.shape(x)[axis] for axis in axes), "float32")
        variance = variance * (entries / (entries - 1))
    return mean if keepdims else ops.squeeze(mean, axes), variance
