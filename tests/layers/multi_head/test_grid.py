"""What grid attention has for itself; test_partitioned.py has the rest."""

import numpy as np

from keras_attention.layers import BlockAttention, GridAttention
from tests.layers.tools import assert_close, built, random_map, randomise, to_numpy


def test_a_group_reaches_over_the_map_and_sees_nothing_of_the_others():
    """Of 6 x 6 positions in groups of 3 x 3 the first has rows and columns 0, 2, 4."""
    x = random_map((1, 6, 6, 8))
    layer = randomise(built(GridAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 2, 0] += 1
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    expected = np.zeros((6, 6), bool)
    expected[::2, ::2] = True
    assert np.array_equal(changed, expected)


def test_is_block_attention_of_the_regrouped_map():
    x = random_map((1, 6, 6, 8))
    order = [0, 2, 4, 1, 3, 5]
    place = np.ix_([0], order, order, range(8))
    grid, block = GridAttention(3, key_dim=4), BlockAttention(3, key_dim=4)
    grid, block = randomise(built(grid, x.shape)), randomise(built(block, x.shape))
    assert_close(block(x[place]), to_numpy(grid(x))[place])


def test_with_block_attention_before_it_each_position_reaches_all():
    x = random_map((1, 6, 6, 4))
    block = randomise(built(BlockAttention(3, key_dim=4), x.shape))
    grid = randomise(built(GridAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 1, 5] += 1
    changed = np.abs(to_numpy(grid(block(moved))) - to_numpy(grid(block(x)))).max(-1)
    assert (changed > 1e-7).all()
