import functools

import numpy as np
import pytest

from keras_attention.layers import SoftVisualAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    assert_close,
    assert_equal,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import pooling

SHAPES = [(2, 7, 6), (2, 5)]  # features, state


@pytest.mark.parametrize("units", [None, 4])
@pytest.mark.parametrize("use_selector", [True, False])
def test_matches_the_paper(units, use_selector):
    oracle = functools.partial(pooling.soft_visual, use_selector=use_selector)
    assert_matches(SoftVisualAttention(units, use_selector), oracle, SHAPES)


def test_contract():
    check_layer(
        SoftVisualAttention,
        others={"units": 4},
        shape=SHAPES,
        output=lambda shapes: (shapes[0][0], shapes[0][-1]),
        scores=lambda shapes: (2, 1, 7),
        rows=("",),
        mask=0,
        zero_gradients=("score/bias",),
    )


def test_weights():
    def weights(**options):
        return weight_shapes(built(SoftVisualAttention(**options), SHAPES))

    plain = {
        "features/kernel": (6, 6),
        "features/bias": (6,),
        "state/kernel": (5, 6),
        "score/kernel": (6, 1),
        "score/bias": (1,),
    }
    assert weights(use_selector=False) == plain
    assert weights() == {**plain, "selector/kernel": (5, 1), "selector/bias": (1,)}


def test_features_are_projected_once_for_all_words():
    layer = randomise(built(SoftVisualAttention(4), SHAPES))
    features, state = random_inputs(SHAPES)
    projected = layer.project(features)
    assert projected.shape == (2, 7, 4)
    for word in (state, -state):
        expected = layer([features, word], return_attention_scores=True)
        found = layer([features, word, projected], return_attention_scores=True)
        for one, two in zip(found, expected, strict=True):
            assert_equal(one, two)


def test_the_order_of_the_features_does_not_matter():
    layer, (features, state) = (
        randomise(built(SoftVisualAttention(), SHAPES)),
        random_inputs(SHAPES),
    )
    assert_close(layer([features[:, ::-1].copy(), state]), layer([features, state]))


def test_a_mask_is_fewer_features():
    layer, (features, state) = (
        randomise(built(SoftVisualAttention(), SHAPES)),
        random_inputs(SHAPES),
    )
    mask = np.arange(7) < np.array([[7], [4]])
    y = layer([features, state], mask=mask)
    assert_close(y[1:], layer([features[1:, :4], state[1:]]))
    assert_close(y, layer([features, state], mask=[mask, None]))
    assert not to_numpy(layer([features, state], mask=np.zeros((2, 7), bool))).any()


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 7, 6), r"needs the inputs \[features, state\] or \[features, state, projected\]"),
        ([(2, 6), (2, 5)], r"Received: features_shape=\(2, 6\)"),
        ([(2, 7, 6), (2, 1, 5)], r"Received: state_shape=\(2, 1, 5\)"),
        ([*SHAPES, (2, 7, 5)], r"with 6 channels as its third .*projected_shape=\(2, 7, 5\)"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        SoftVisualAttention().build(shapes)


def test_rejects_units_below_one():
    message = "SoftVisualAttention: units must be an integer >= 1. Received: units=0"
    with pytest.raises(ValueError, match=message):
        SoftVisualAttention(0)
