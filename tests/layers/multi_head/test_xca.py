import functools

import numpy as np
import pytest

from keras_attention.layers import CrossCovarianceAttention
from tests.helpers import check_layer
from tests.layers.tools import (
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


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(use_bias):
    oracle = functools.partial(multi_head.xca, heads=2)
    assert_matches(CrossCovarianceAttention(2, use_bias=use_bias), oracle, TOKENS)


def test_matches_the_paper_with_a_mask():
    x, mask = random_map(TOKENS), np.arange(7) < np.array([[7], [3]])
    layer = randomise(built(CrossCovarianceAttention(2), TOKENS))
    expected, scores = multi_head.xca(x, weight_values(layer), 2, mask)
    y, found = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(found, scores, what="scores")


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.models.xcit")
    source = core.seeded(lambda: timm.XCA(16, 4, qkv_bias=use_bias))
    core.randomize(source)
    source.temperature.data += core.to_torch(
        np.linspace(-0.5, 2, 4, dtype="float32")[:, None, None]
    )
    x = random_map((2, 7, 16))
    layer = built(CrossCovarianceAttention(4, use_bias=use_bias), x.shape)
    copies.copy_xca(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_the_temperature_starts_at_one():
    layer = built(CrossCovarianceAttention(2), TOKENS)
    assert_close(layer.temperature, np.ones((2, 1, 1)))


def test_tokens_may_come_in_any_order_and_the_scores_do_not_tell():
    layer = randomise(built(CrossCovarianceAttention(2), TOKENS))
    x, order = random_map(TOKENS), np.random.default_rng(0).permutation(7)
    y, scores = layer(x, return_attention_scores=True)
    shuffled, same = layer(x[:, order], return_attention_scores=True)
    assert_close(shuffled, to_numpy(y)[:, order])
    assert_close(same, scores)


def test_only_directions_count():
    layer = randomise(built(CrossCovarianceAttention(2, use_bias=False), TOKENS))
    x = random_map(TOKENS)
    scores, same = (layer(z, return_attention_scores=True)[1] for z in (x, 5 * x))
    assert_close(scores, same)


def test_contract():
    check_layer(
        CrossCovarianceAttention,
        {"num_heads": 2},
        others={"num_heads": 4, "dropout": 0.5},
        shape=TOKENS,
        scores=lambda shape: (shape[0], 2, 4, 4),
        rows=("",),
        mask=0,
        one_channel=False,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"dropout": 1.5}, "dropout must be in [0, 1). Received: dropout=1.5"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: CrossCovarianceAttention(**options), "CrossCovarianceAttention: ", message)


def test_rejects_heads_that_do_not_divide_the_channels():
    layer = CrossCovarianceAttention(3)
    must_raise(lambda: layer.build(TOKENS), "num_heads must divide 8 channels. Received: ")
