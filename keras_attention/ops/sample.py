"""Values of maps between their pixels."""

from keras import ops


def bilinear(maps, x, y):
    """The values of `maps` (M, H, W, C) at the columns `x` and rows `y` (M, ...) -> (M, ..., C).

    Coordinates are float32, in pixels: pixel (row i, column j) is at y = i, x = j. Around the map
    everything is zero. The gradient at a whole coordinate is the one to its right and bottom.
    """
    count, height, width, channels = *ops.shape(maps)[:3], maps.shape[-1]
    table = ops.reshape(maps, (-1, channels))
    first = ops.arange(count) * height * width  # of each map in the table
    first = ops.reshape(first, (-1, *[1] * (len(x.shape) - 1)))
    total = 0
    for row, near_row in _corners(y, height):
        for column, near_column in _corners(x, width):
            values = ops.take(table, first + row * width + column, axis=0)
            near = ops.cast(near_row * near_column, values.dtype)
            total = total + near[..., None] * values
    return total


def _corners(at, length):
    """The two whole coordinates around `at` as legal indices, each with its weight."""
    # All of [-1, length] and beyond, where the value is zero, may as well be at its ends; integers
    # cannot hold every float.
    at = ops.clip(at, -1.0, ops.cast(length, at.dtype))
    low = ops.floor(at)
    for corner, weight in ((low, low + 1.0 - at), (low + 1.0, at - low)):
        index = ops.cast(corner, "int32")
        inside = ops.logical_and(index >= 0, index < length)
        legal = ops.clip(index, 0, length - 1)
        yield legal, weight * ops.cast(inside, weight.dtype)
