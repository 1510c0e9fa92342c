import numpy as np
import pytest

from keras_attention import models


def test_rows_of_pictures():
    images = np.arange(5, dtype="uint8")[:, None, None, None] + np.zeros((5, 2, 3, 1), "uint8")
    found = models.grid(images, across=3)
    rows = [[0, 0, 0, 1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 4, 4, 4, 0, 0, 0]] * 2
    np.testing.assert_array_equal(found[..., 0], rows)
    assert models.grid(images).shape == (2, 24, 1) and found.dtype == np.uint8


@pytest.mark.parametrize(
    "images, across, message",
    [
        (np.zeros((2, 4, 4, 3), "uint8"), 0, "Received: across=0"),
        (np.zeros((2, 4, 4, 3)), 2, "Received: float64"),
        (np.zeros((4, 4, 3), "uint8"), 2, r"Received: uint8 \(4, 4, 3\)"),
        (np.zeros((0, 4, 4, 3), "uint8"), 2, r"Received: uint8 \(0, "),
    ],
)
def test_bad_input(images, across, message):
    with pytest.raises(ValueError, match=message):
        models.grid(images, across)
