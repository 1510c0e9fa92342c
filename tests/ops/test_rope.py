import numpy as np
import pytest

from keras_attention.ops import rope
from tests.layers.tools import assert_close, assert_equal, random_map, to_numpy
from tests.oracles.multi_head import turn


@pytest.mark.parametrize("layout", rope.LAYOUTS)
def test_matches_the_paper(layout):
    x = random_map((2, 3, 6, 8))  # (B, heads, 2 * 3 positions, d)
    y = rope.rotate(x, rope.angles(2, 3, 8, theta=50.0), layout)
    expected = np.zeros(x.shape)
    for b, h, n in np.ndindex(2, 3, 6):
        expected[b, h, n] = turn(x[b, h, n].astype("float64"), *divmod(n, 3), 50.0, layout)
    assert_close(y, expected)


@pytest.mark.parametrize("layout", rope.LAYOUTS)
def test_products_depend_on_the_offset_only(layout):
    query, key = random_map((2, 8))
    turns = rope.angles(5, 6, 8)
    q, k = (to_numpy(rope.rotate(np.tile(z, (30, 1)), turns, layout)) for z in (query, key))
    products = (q @ k.T).reshape(5, 6, 5, 6)
    assert_close(products[1:, 2:, 1:, 2:], products[:-1, :-2, :-1, :-2])
    assert np.ptp(products) > 0.1
    lengths = np.linalg.norm(q, axis=-1)
    assert_close(lengths, np.full(30, np.linalg.norm(query)))


def test_angles():
    turns = rope.angles(2, 3, 8, theta=100.0)
    assert turns.shape == (6, 4)
    assert_close(turns[0], np.zeros(4))
    assert_close(turns[5], [1, 0.1, 2, 0.2])  # y = 1 and x = 2, by 1 and by 1 / 10


def test_a_reference_grid_sets_the_range():
    small, large = rope.angles(2, 3, 8), rope.angles(4, 3, 8, reference=(2, 3))
    assert_close(large.reshape(4, 3, 4)[::2], small.reshape(2, 3, 4))


def test_half_precision_is_kept_but_turned_in_float32():
    x = random_map((1, 900, 8)).astype("float16")
    turns = rope.angles(30, 30, 8)
    y = rope.rotate(x, turns)
    assert "float16" in str(y.dtype)
    assert_close(y, rope.rotate(x.astype("float32"), turns), 2e-3)


def test_no_turn_is_no_change():
    x = random_map((2, 4, 8))
    for layout in rope.LAYOUTS:
        assert_equal(rope.rotate(x, np.zeros((4, 4)), layout), x)
