import itertools

import numpy as np
import pytest

from keras_attention.ops import relative
from tests.layers.tools import assert_close, assert_equal, random_map


@pytest.mark.parametrize("height, width", [(1, 1), (2, 3), (4, 2)])
def test_the_table_has_one_row_for_each_offset(height, width):
    index = relative.table_index(height, width)
    places = list(itertools.product(range(height), range(width)))
    offsets = list(itertools.product(range(1 - height, height), range(1 - width, width)))
    for (query, one), (key, other) in itertools.product(enumerate(places), repeat=2):
        assert offsets[index[query, key]] == tuple(np.subtract(one, other))
    assert set(index.ravel()) == set(range((2 * height - 1) * (2 * width - 1)))


def test_the_bias_has_a_matrix_for_each_head():
    table = random_map((15, 2))
    bias = relative.table_bias(table, 2, 3)
    assert_equal(bias, np.moveaxis(table[relative.table_index(2, 3)], -1, 0))


def test_offsets_on_a_scale_of_logarithms():
    offsets = relative.log_offsets(3)
    assert offsets.shape == (25, 2)
    one, two = np.log2(5) / 3, np.log2(9) / 3  # of 8 / 2 and 16 / 2
    steps = [-two, -one, 0, one, two]
    assert_close(offsets, np.array(list(itertools.product(steps, steps))))
    assert_close(relative.log_offsets(3, 5)[-1], np.full(2, np.log2(5) / 3))  # 8 * 2 / 4
    assert_equal(relative.log_offsets(1), np.zeros((1, 2)))
    assert_close(
        relative.log_offsets((3, 2)), np.array(list(itertools.product(steps, [-two, 0, two])))
    )


def test_rows_of_a_table_by_the_distance_from_query_to_key():
    assert np.array_equal(relative.offset_index(2, 3), [[2, 3, 4], [1, 2, 3]])
    assert np.array_equal(relative.offset_index(2, 4, strides=2), [[3, 4, 5, 6], [1, 2, 3, 4]])


def test_factorised_logits_are_sums_of_two_products():
    rows, columns, key_rows, key_columns = 2, 3, 4, 5
    query = random_map((2, 2, rows * columns, 4))
    down, right = random_map((7, 4), 1), random_map((9, 4), 2)
    index = relative.offset_index(rows, key_rows), relative.offset_index(columns, key_columns)
    logits = relative.factorised(query, down, right, *index)
    expected = np.zeros((2, 2, rows * columns, key_rows * key_columns))
    for y, x, v, u in itertools.product(*map(range, (rows, columns, key_rows, key_columns))):
        q = query[:, :, y * columns + x]
        r = down[v - y + key_rows - 1] + right[u - x + key_columns - 1]
        expected[:, :, y * columns + x, v * key_columns + u] = q @ r
    assert_close(logits, expected)
