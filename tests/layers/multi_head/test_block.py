"""What block attention has for itself; test_partitioned.py has the rest."""

import numpy as np

from keras_attention.layers import BlockAttention, WindowAttention
from tests.layers.tools import assert_close, built, random_map, randomise, to_numpy


def test_is_window_attention_without_shift():
    x = random_map()
    layer = randomise(built(BlockAttention(4, key_dim=4)))
    other = randomise(built(WindowAttention(4, num_heads=2, mask_padding=True)))
    for one, two in zip(
        layer(x, return_attention_scores=True),
        other(x, return_attention_scores=True),
        strict=True,
    ):
        assert_close(one, two)


def test_a_block_sees_nothing_of_the_others():
    x = random_map((1, 7, 9, 8))
    layer = randomise(built(BlockAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 4, 1] += 1
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    expected = np.zeros((7, 9), bool)
    expected[3:6, 0:3] = True
    assert np.array_equal(changed, expected)
