import functools

import numpy as np
import pytest

from keras_attention.layers import LinearAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    must_raise,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import multi_head
from tests.torch_oracles import core
from tests.torch_oracles import multi_head as copies

TOKENS = (2, 7, 8)
MAP = (2, 3, 4, 8)
MAPS = ["elu", "relu", "softmax"]


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("feature_map", MAPS)
def test_matches_the_paper(feature_map, data_format):
    layer = LinearAttention(2, feature_map=feature_map, data_format=data_format)
    oracle = functools.partial(multi_head.linear, heads=2, feature_map=feature_map)
    assert_matches(layer, oracle, MAP)


def test_matches_the_paper_with_biases_and_another_width_and_epsilon():
    layer = LinearAttention(2, 3, epsilon=0.5, use_bias=True)
    assert_matches(layer, functools.partial(multi_head.linear, heads=2, epsilon=0.5), TOKENS)


@pytest.mark.parametrize("feature_map", MAPS)
def test_matches_the_paper_with_a_mask(feature_map):
    x, mask = random_map(TOKENS), np.arange(7) < np.array([[7], [3]])
    layer = randomise(built(LinearAttention(2, feature_map=feature_map), TOKENS))
    expected, scores = multi_head.linear(x, weight_values(layer), 2, feature_map, mask=mask)
    y, found = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(found, scores, what="scores")


def test_matches_timm():
    timm = core.import_oracle("timm.models.efficientvit_mit")
    source = core.seeded(
        lambda: timm.LiteMLA(16, 16, dim=4, scales=(), norm_layer=(None, None), use_bias=False)
    )
    x = random_map((2, 3, 5, 16))
    layer = built(LinearAttention(4, feature_map="relu", epsilon=1e-5), x.shape)
    copies.copy_lite_mla(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("feature_map", MAPS)
def test_the_scores_are_what_is_applied(feature_map):
    layer = randomise(built(LinearAttention(1, feature_map=feature_map), TOKENS))
    layer.proj.set_weights([np.eye(8), np.zeros(8)])
    x = random_map(TOKENS)
    y, scores = layer(x, return_attention_scores=True)
    value = np.split(to_numpy(layer.qkv(x)), 3, axis=-1)[2]
    assert_close(y, to_numpy(scores)[:, 0] @ value)


def test_with_relu_a_query_without_positive_entries_sees_nothing():
    layer = randomise(built(LinearAttention(8, feature_map="relu"), TOKENS))
    x = random_map(TOKENS)
    query = np.split(to_numpy(layer.qkv(x)), 3, axis=-1)[0].swapaxes(1, 2)  # (B, heads, N)
    sums = to_numpy(layer(x, return_attention_scores=True)[1]).sum(-1)
    assert not sums[query <= 0].any() and (query <= 0).any()
    # A small denominator feels the epsilon.
    assert_close(sums[query > 0.1], np.ones((query > 0.1).sum()), 1e-3)


@pytest.mark.parametrize("feature_map", MAPS)
def test_any_order_will_do(feature_map):
    layer = randomise(built(LinearAttention(2, feature_map=feature_map), TOKENS))
    x, order = random_map(TOKENS), np.random.default_rng(0).permutation(7)
    assert_close(layer(x[:, order]), to_numpy(layer(x))[:, order])


def test_contract():
    check_layer(
        LinearAttention,
        {"num_heads": 2},
        others={
            "num_heads": 4,
            "key_dim": 3,
            "feature_map": "softmax",
            "epsilon": 0.1,
            "dropout": 0.5,
        },
        shape=TOKENS,
        scores=lambda shape: (shape[0], 2, shape[1], shape[1]),
        rows=("",),
        mask=0,
        one_channel=False,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"key_dim": 0}, "key_dim must be an integer >= 1. Received: key_dim=0"),
        ({"feature_map": "rel"}, "Did you mean 'relu'? Received: feature_map='rel'"),
        ({"epsilon": 0}, "epsilon must be above 0. Received: epsilon=0"),
        ({"dropout": 1.5}, "dropout must be in [0, 1). Received: dropout=1.5"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: LinearAttention(**options), "LinearAttention: ", message)


def test_rejects_heads_that_do_not_divide_the_channels():
    layer = LinearAttention(3)
    must_raise(lambda: layer.build(TOKENS), "num_heads must divide 8 channels. Received: ")
