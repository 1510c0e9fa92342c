import functools

import numpy as np
import pytest

from keras_attention.layers import ContextVectorAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import pooling

TOKENS = (2, 7, 6)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("units", [None, 4])
@pytest.mark.parametrize("shape", [TOKENS, SHAPE], ids=["tokens", "map"])
def test_matches_the_paper(shape, units, data_format):
    oracle = functools.partial(pooling.context_vector, units=units)
    assert_matches(ContextVectorAttention(units, data_format=data_format), oracle, shape)


def test_matches_the_paper_without_bias():
    oracle = functools.partial(pooling.context_vector, units=4)
    assert_matches(ContextVectorAttention(4, use_bias=False), oracle, TOKENS)


def test_contract():
    check_layer(
        ContextVectorAttention,
        {"units": 4},
        others={"units": 5},
        shape=TOKENS,
        output=lambda shape: (shape[0], shape[-1]),
        scores=lambda shape: (2, 1, 7),
        rows=("",),
        mask=0,
    )


def test_weights():
    def weights(**options):
        return weight_shapes(built(ContextVectorAttention(**options), TOKENS))

    assert weights() == {"query": (6,)}
    assert weights(units=4) == {"project/kernel": (6, 4), "project/bias": (4,), "query": (4,)}


def test_starts_as_the_mean():
    layer = built(ContextVectorAttention(4, identity_init=True), SHAPE)
    x = random_map()
    assert_close(layer(x), x.mean(axis=(1, 2)))


def test_the_order_of_the_tokens_does_not_matter():
    layer, x = randomise(built(ContextVectorAttention(4), TOKENS)), random_map(TOKENS)
    assert_close(layer(x[:, ::-1].copy()), layer(x))


def test_a_mask_of_a_map_is_row_major():
    layer, x = randomise(built(ContextVectorAttention(4), SHAPE)), random_map()
    mask = np.zeros((2, 63), bool)
    mask[:, :18] = True  # the two upper rows
    assert_close(layer(x, mask=mask), layer(x[:, :2]))


def test_nothing_is_left():
    layer, x = randomise(built(ContextVectorAttention(), TOKENS)), random_map(TOKENS)
    assert not to_numpy(layer(x, mask=np.zeros((2, 7), bool))).any()


def test_rejects_units_below_one():
    message = "ContextVectorAttention: units must be an integer >= 1. Received: units=0"
    with pytest.raises(ValueError, match=message):
        ContextVectorAttention(0)
