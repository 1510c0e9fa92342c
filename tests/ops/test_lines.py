import numpy as np
from keras import ops

from keras_attention.ops import lines
from tests.layers.tools import to_numpy


def test_weights_of_columns_and_rows_over_all_positions():
    rng, (batch, heads, height, width) = np.random.default_rng(0), (2, 3, 4, 5)
    column = rng.normal(size=(batch, heads, height, width, height)).astype("float32")
    row = rng.normal(size=(batch, heads, height, width, width)).astype("float32")
    columns = np.zeros((batch, heads, height, width, height, width), "float32")
    rows = np.zeros_like(columns)
    for i in range(height):
        for j in range(width):
            columns[:, :, i, j, :, j] = column[:, :, i, j]
            rows[:, :, i, j, i, :] = row[:, :, i, j]
    shape = (batch, heads, 20, 20)
    assert np.array_equal(
        to_numpy(lines.dense_columns(ops.convert_to_tensor(column))), columns.reshape(shape)
    )
    assert np.array_equal(
        to_numpy(lines.dense_rows(ops.convert_to_tensor(row))), rows.reshape(shape)
    )
