import keras
import numpy as np
import pytest

from keras_attention.ops import pool
from tests.layers.tools import assert_close, random_inputs, random_map, to_numpy


@pytest.mark.parametrize("over", [(1, 2), (2, 3), 3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_mean_and_max_in_this_order(over, keepdims):
    x = random_map()
    mean, largest = pool.mean_and_max(x, over, keepdims=keepdims)
    assert_close(mean, np.mean(x, over, keepdims=keepdims), 1e-6)
    assert_close(largest, np.max(x, over, keepdims=keepdims), 0)


@pytest.mark.parametrize("axes", [(1, 2), (2, 3)])
def test_strip_means_are_those_of_rows_and_then_of_columns(axes):
    height, width = axes
    x = random_map()
    rows, columns = pool.strip_means(x, axes)
    assert rows.shape[height] == x.shape[height] and columns.shape[height] == x.shape[width]
    assert_close(rows, np.mean(x, width), 1e-6)
    assert_close(columns, np.mean(x, height), 1e-6)


@pytest.mark.parametrize(
    "shape, halved",
    [((2, 5, 3), (2, 3, 3)), ((2, 5, 4, 3), (2, 3, 2, 3)), ((2, 3, 4, 5, 2), (2, 3, 2, 3, 2))],
)
def test_halved_takes_maxima_of_pairs_in_each_frame(shape, halved):
    x = random_inputs(shape) - 5  # below zero, so that padding would be seen
    y = to_numpy(pool.halved(x))
    assert y.shape == halved
    for place in np.ndindex(halved[1:-1]):
        single = x.ndim == 5  # frames stay apart
        window = tuple(
            slice(i, i + 1) if single and axis == 0 else slice(2 * i, 2 * i + 2)
            for axis, i in enumerate(place)
        )
        part = x[(slice(None), *window)]
        expected = part.max(axis=tuple(range(1, x.ndim - 1)))
        assert_close(y[(slice(None), *place)], expected, 0)


@pytest.mark.parametrize("axes", [(1, 2), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
def test_mean_and_variance_by_either_divisor(axes, unbiased, keepdims):
    x = random_map() + 100
    mean, variance = pool.mean_and_variance(x, axes, unbiased, keepdims)
    assert_close(mean, np.mean(x, axes, keepdims=keepdims), 1e-4)
    expected = np.var(x.astype("float64"), axes, ddof=int(unbiased), keepdims=keepdims)
    assert_close(variance, expected, 1e-4)


def test_mean_and_variance_are_in_float32():
    x = np.linspace(1000, 1001, 12).reshape(1, 3, 4, 1)
    mean, variance = pool.mean_and_variance(x.astype("float16"), (1, 2), unbiased=False)
    assert mean.dtype == variance.dtype == keras.ops.ones((), "float32").dtype
    assert_close(mean, x.astype("float16").astype("float64").mean((1, 2)), 1e-3)
