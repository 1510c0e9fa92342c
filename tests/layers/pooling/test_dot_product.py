import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import DotProductAttention
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
from tests.torch_oracles import core

SHAPES = [(2, 3, 6), (2, 7, 6)]  # query, value


@pytest.mark.parametrize("mode", ["scaled", "dot", "general"])
@pytest.mark.parametrize(
    "shapes", [SHAPES, [(2, 6), (2, 7, 6)], [*SHAPES[:1], (2, 7, 4), (2, 7, 6)]], ids=str
)
def test_matches_the_paper(mode, shapes):
    oracle = functools.partial(pooling.dot_product, mode=mode)
    assert_matches(DotProductAttention(mode), oracle, shapes)


def test_general_takes_queries_and_keys_of_different_widths():
    oracle = functools.partial(pooling.dot_product, mode="general")
    assert_matches(DotProductAttention("general"), oracle, [(2, 3, 5), (2, 7, 6), (2, 7, 4)])


def test_matches_keras():
    x = random_inputs(SHAPES)
    theirs, layer = keras.layers.Attention(use_scale=False), DotProductAttention("dot")
    assert_library(layer, x, to_numpy(theirs(x)), "Keras")
    mask = np.arange(7) < np.array([[7], [4]])
    assert_close(layer(x, mask=mask), theirs(x, mask=[None, mask]))


def test_matches_torch():
    core.import_oracle("torch")
    import torch

    query, value, key = random_inputs([(2, 3, 6), (2, 7, 4), (2, 7, 6)])
    mask = np.arange(7) < np.array([[7], [4]])
    attend = torch.nn.functional.scaled_dot_product_attention
    given = [core.to_torch(x) for x in (query, key, value)]
    layer = DotProductAttention()
    assert_library(layer, [query, value, key], core.from_torch(attend(*given)), "torch")
    masked = attend(*given, attn_mask=core.to_torch(mask)[:, None])
    assert_close(layer([query, value, key], mask=mask), core.from_torch(masked))


def test_contract():
    check_layer(
        DotProductAttention,
        {"mode": "general"},
        others={"mode": "dot"},
        shape=SHAPES,
        output=lambda shapes: (*shapes[0][:-1], shapes[1][-1]),
        scores=lambda shapes: (2, 1, 3, 7),
        rows=("",),
        mask=1,
    )


def test_general_with_the_unit_matrix_is_dot():
    x = random_inputs(SHAPES)
    layer = built(DotProductAttention("general"), SHAPES)
    layer.kernel.assign(np.eye(6))
    assert_close(layer(x), DotProductAttention("dot")(x))


def test_equal_keys_give_the_mean():
    query, value, key = random_inputs([*SHAPES, (2, 7, 6)])
    key[:] = key[:, :1]
    y = DotProductAttention()([query, value, key])
    assert_close(y, np.repeat(value.mean(axis=1, keepdims=True), 3, axis=1))


def test_a_mask_is_a_shorter_value():
    layer, (query, value) = DotProductAttention(), random_inputs(SHAPES)
    mask = np.arange(7) < np.array([[7], [4]])
    assert_close(layer([query, value], mask=mask)[1:], layer([query[1:], value[1:, :4]]))
    assert not to_numpy(layer([query, value], mask=np.zeros((2, 7), bool))).any()


def test_takes_a_mask_for_each_input_and_hands_on_that_of_the_queries():
    x = random_inputs(SHAPES)
    layer, query = DotProductAttention(), np.ones((2, 3), bool)
    mask = np.arange(7) < np.array([[7], [4]])
    assert_close(layer(x, mask=[query, mask]), layer(x, mask=mask))
    assert layer.compute_mask(x, [query, mask]) is query
    assert layer.compute_mask([x[0][:, 0], x[1]], [query, mask]) is None
    assert layer.compute_mask(x, mask) is None


def test_dropout_is_for_training_and_leaves_the_scores():
    layer, x = DotProductAttention(dropout=0.5), random_inputs(SHAPES)
    y, scores = layer(x, training=True, return_attention_scores=True)
    plain, kept = layer(x, return_attention_scores=True)
    assert_close(scores, kept)
    assert np.abs(to_numpy(y) - to_numpy(plain)).max() > 0.01


def test_weights_of_general_only():
    counts = [
        len(randomise(built(DotProductAttention(mode), SHAPES)).weights)
        for mode in ("scaled", "dot", "general")
    ]
    assert counts == [0, 0, 1]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"mode": "scale"}, "Did you mean 'scaled'. Received: mode='scale'"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\). Received: dropout=-0.1"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    with pytest.raises(ValueError, match=f"DotProductAttention: .*{message}"):
        DotProductAttention(**options)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 7, 6), r"needs the inputs \[query, value\] or \[query, value, key\]. Received: input"),
        ([(2, 3, 5), (2, 7, 6)], r"one width.* Received: query_shape=\(2, 3, 5\), key_shape="),
        ([(2, 3, 6), (2, 7)], r"Received: value_shape=\(2, 7\)"),
        ([(2, 3, 6), (2, 7, 6), (7, 6)], r"Received: key_shape=\(7, 6\)"),
        ([(6,), (2, 7, 6)], r"Received: query_shape=\(6,\)"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        DotProductAttention().build(shapes)


def test_rejects_a_mask_that_does_not_fit():
    with pytest.raises(ValueError, match=r"DotProductAttention: mask .* Received: mask of shape"):
        DotProductAttention()(random_inputs(SHAPES), mask=np.ones((2, 3), bool))
