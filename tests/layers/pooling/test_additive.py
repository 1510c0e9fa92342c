import keras
import numpy as np
import pytest

from keras_attention.layers import AdditiveAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
)
from tests.oracles import pooling

SHAPES = [(2, 3, 5), (2, 7, 6)]  # query, value


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    "shapes", [SHAPES, [(2, 5), (2, 7, 6)], [*SHAPES, (2, 7, 4)]], ids=["value", "vector", "key"]
)
def test_matches_the_paper(shapes, use_bias):
    assert_matches(AdditiveAttention(4, use_bias=use_bias), pooling.additive, shapes)


def test_matches_keras_without_projections():
    shapes = [(2, 3, 6), (2, 7, 6)]
    x = random_inputs(shapes)
    theirs = keras.layers.AdditiveAttention()
    theirs.build(shapes)
    scale = np.linspace(-1, 1, 6).astype("float32")
    theirs.scale.assign(scale)
    layer = built(AdditiveAttention(6, use_bias=False), shapes)
    for part in (layer.query, layer.key):
        part.set_weights([np.eye(6)])
    layer.score.set_weights([scale[:, None]])
    assert_library(layer, x, to_numpy(theirs(x)), "Keras")
    mask = np.arange(7) < np.array([[7], [4]])
    assert_close(layer(x, mask=mask), theirs(x, mask=[None, mask]))


def test_contract():
    check_layer(
        AdditiveAttention,
        {"units": 4},
        others={"units": 5},
        shape=SHAPES,
        output=lambda shapes: (*shapes[0][:-1], shapes[1][-1]),
        scores=lambda shapes: (2, 1, 3, 7),
        rows=("",),
        mask=1,
    )


def test_a_mask_is_a_shorter_value():
    layer, (query, value) = randomise(built(AdditiveAttention(4), SHAPES)), random_inputs(SHAPES)
    mask = np.arange(7) < np.array([[7], [4]])
    y, scores = layer([query, value], mask=mask, return_attention_scores=True)
    assert_close(y[1:], layer([query[1:], value[1:, :4]]))
    assert not to_numpy(scores)[1, ..., 4:].any()


def test_nothing_is_left():
    layer, x = randomise(built(AdditiveAttention(4), SHAPES)), random_inputs(SHAPES)
    assert not to_numpy(layer(x, mask=np.zeros((2, 7), bool))).any()


def test_takes_a_mask_for_each_input():
    shapes = [*SHAPES, (2, 7, 4)]
    layer, x = randomise(built(AdditiveAttention(4), shapes)), random_inputs(shapes)
    value, key = np.arange(7) < 5, np.arange(7) > 1
    value, key = (np.repeat(mask[None], 2, axis=0) for mask in (value, key))
    both = layer(x, mask=value & key)
    assert_close(layer(x, mask=[np.zeros((2, 3), bool), value, key]), both)
    assert_close(layer(x, mask=[None, value & key, None]), both)
    assert_close(layer(x, mask=[None, None, None]), layer(x))


def test_masks_come_from_the_layers_before_and_that_of_the_queries_goes_on():
    query, value = random_inputs(SHAPES)
    query[0, 2:] = 0
    value[1, 4:] = 0
    layer = randomise(built(AdditiveAttention(4), SHAPES))
    masked = [keras.layers.Masking()(one) for one in (query, value)]
    y = layer(masked)
    assert_close(y, layer([query, value], mask=np.arange(7) < np.array([[7], [4]])))
    assert to_numpy(layer.compute_mask(masked, [np.ones((2, 3)), None])).shape == (2, 3)
    assert layer.compute_mask([query[:, 0], value], [np.ones((2, 5)), None]) is None
    assert layer.compute_mask(masked, np.ones((2, 7))) is None


def test_the_order_of_the_values_does_not_matter():
    layer, (query, value) = randomise(built(AdditiveAttention(4), SHAPES)), random_inputs(SHAPES)
    assert_close(layer([query, value[:, ::-1].copy()]), layer([query, value]))


def test_dropout_is_for_training_and_leaves_the_scores():
    layer, x = randomise(built(AdditiveAttention(4, dropout=0.5), SHAPES)), random_inputs(SHAPES)
    y, scores = layer(x, training=True, return_attention_scores=True)
    plain, kept = layer(x, return_attention_scores=True)
    assert_close(scores, kept)
    assert np.abs(to_numpy(y) - to_numpy(plain)).max() > 0.01


@pytest.mark.parametrize(
    "options, message",
    [
        ({"units": 0}, "AdditiveAttention: units must be an integer >= 1. Received: units=0"),
        ({"units": 4, "dropout": 1}, r"dropout must be in \[0, 1\). Received: dropout=1"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        AdditiveAttention(**options)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 7, 6), r"needs the inputs \[query, value\] or \[query, value, key\]. Received: input"),
        ([(2, 3, 5)] * 4, r"needs the inputs \[query, value\] or"),
        ([(2, 3, 5, 5), (2, 7, 6)], r"Received: query_shape=\(2, 3, 5, 5\)"),
        ([(2, 3, 5), (2, 6)], r"needs tokens .* Received: value_shape=\(2, 6\)"),
        ([(2, 3, 5), (2, 7, 6), (2, 7, None)], r"Received: key_shape=\(2, 7, None\)"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        AdditiveAttention(4).build(shapes)


@pytest.mark.parametrize("shape", [(2, 6), (3, 7), (2, 7, 1)])
def test_rejects_a_mask_that_does_not_fit(shape):
    message = r"must have the shape \(batch, tokens\) = \(2, 7\). Received: mask of shape"
    with pytest.raises(ValueError, match=message):
        AdditiveAttention(4)(random_inputs(SHAPES), mask=np.ones(shape, bool))
