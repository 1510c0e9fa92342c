"""Many pictures in one."""

import numpy as np

from ..layers.checks import at_least


def grid(images, across: int = 8) -> np.ndarray:
    """Pictures side by side, row after row; what is left of the last row is black.

    Args:
        images: uint8 (pictures, height, width, channels), such as `sample` makes.
        across: How many stand in a row.
    Returns: uint8 (rows * height, across * width, channels).
    Raises: ValueError for another shape or type, and for `across` below 1.

    >>> models.grid(models.sample(generator, 10, seed=0), across=5).shape
    (64, 160, 3)
    """
    at_least(1, "grid", across=across)
    array = np.asarray(images)
    if array.ndim != 4 or array.dtype != np.uint8 or not len(array):
        raise ValueError(
            "grid: images must be uint8 (pictures, height, width, channels), one at least. "
            f"Received: {array.dtype} {array.shape}"
        )
    count, height, width, channels = array.shape
    rows = -(-count // across)
    whole = np.zeros((rows * across, height, width, channels), "uint8")
    whole[:count] = array
    whole = whole.reshape(rows, across, height, width, channels).swapaxes(1, 2)
    return whole.reshape(rows * height, across * width, channels)
