import functools

import numpy as np
import pytest

from keras_attention.layers import ClassAttention
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
    oracle = functools.partial(multi_head.class_attention, heads=2)
    assert_matches(ClassAttention(2, use_bias=use_bias), oracle, TOKENS)


def test_matches_the_paper_with_a_mask():
    x, mask = random_map(TOKENS), np.arange(7) < np.array([[7], [3]])
    layer = randomise(built(ClassAttention(2), TOKENS))
    expected, scores = multi_head.class_attention(x, weight_values(layer), 2, mask)
    y, found = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(found, scores, what="scores")


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.models.cait")
    source = core.seeded(lambda: timm.ClassAttn(16, 4, qkv_bias=use_bias))
    core.randomize(source)
    x = random_map((2, 7, 16))
    layer = built(ClassAttention(4, use_bias=use_bias), x.shape)
    copies.copy_class_attention(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        ClassAttention,
        {"num_heads": 2},
        others={"num_heads": 4, "dropout": 0.5},
        shape=TOKENS,
        output=lambda shape: (shape[0], 1, shape[2]),
        scores=lambda shape: (shape[0], 2, shape[1]),
        rows=("",),
        mask=0,
        one_channel=False,
        zero_gradients=("key/bias",),  # the same for every logit of a softmax
    )


def test_only_the_class_token_asks():
    layer = randomise(built(ClassAttention(2), TOKENS))
    x = random_map(TOKENS)
    order = [0, *1 + np.random.default_rng(0).permutation(6)]
    assert_close(layer(x[:, order]), layer(x), what="output for other tokens in another order")
    assert np.abs(to_numpy(layer(x[:, ::-1])) - to_numpy(layer(x))).max() > 0.1


def test_nothing_left_gives_the_bias_of_the_output():
    layer = randomise(built(ClassAttention(2), TOKENS))
    y = to_numpy(layer(random_map(TOKENS), mask=np.zeros((2, 7), bool)))
    assert_close(y, np.broadcast_to(to_numpy(layer.proj.bias), (2, 1, 8)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"dropout": 1.5}, "dropout must be in [0, 1). Received: dropout=1.5"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: ClassAttention(**options), "ClassAttention: ", message)


def test_rejects_heads_that_do_not_divide_the_channels():
    layer = ClassAttention(3)
    must_raise(lambda: layer.build(TOKENS), "num_heads must divide 8 channels. Received: ")
