"""Convolutions beside a doubling or a halving, against the two steps that they stand for."""

import numpy as np
import pytest
from keras import ops
from scipy.signal import correlate2d

from keras_attention.ops import resampled_conv as resampled

from .compiled import compiled


def convolved(x, kernel):
    """Zeros around each image, one pair of channels at a time."""
    outputs = [
        sum(
            correlate2d(image[..., i], kernel[..., i, o], mode="same")
            for i in range(kernel.shape[2])
        )
        for image in x
        for o in range(kernel.shape[3])
    ]
    return np.stack(outputs).reshape(len(x), -1, *x.shape[1:3]).transpose(0, 2, 3, 1)


def doubled(x):
    return x.repeat(2, 1).repeat(2, 2)


def halved(y):
    height, width = (2 * (size // 2) for size in y.shape[1:3])
    y = y[:, :height, :width]
    return (y[:, ::2, ::2] + y[:, 1::2, ::2] + y[:, ::2, 1::2] + y[:, 1::2, 1::2]) / 4


ORACLES = {
    resampled.conv_of_doubled: lambda x, kernel: convolved(doubled(x), kernel),
    resampled.mean_of_conv: lambda x, kernel: halved(convolved(x, kernel)),
}


@pytest.mark.parametrize("window", [1, 3, 5])
@pytest.mark.parametrize("size", [(4, 6), (2, 2), (5, 7)], ids=str)
@pytest.mark.parametrize("function", ORACLES)
def test_equals_two_steps(function, size, window):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, *size, 3))
    kernel = rng.standard_normal((window, window, 3, 2))

    def fused(x, kernel):
        return function(x, resampled.widened(kernel), "channels_last")

    found = compiled(fused, x.astype("float32"), kernel.astype("float32"))
    found = ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, ORACLES[function](x, kernel), atol=2e-5)
