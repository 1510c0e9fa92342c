import functools

import numpy as np
import pytest

from keras_attention.layers import MultiHeadSelfAttention, TalkingHeadsAttention
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
    oracle = functools.partial(multi_head.talking_heads, heads=4)
    assert_matches(TalkingHeadsAttention(4, use_bias=use_bias), oracle, TOKENS)


def test_matches_the_paper_with_a_mask():
    x, mask = random_map(TOKENS), np.arange(7) < np.array([[7], [3]])
    layer = randomise(built(TalkingHeadsAttention(2), TOKENS))
    expected, scores = multi_head.talking_heads(x, weight_values(layer), 2, mask)
    y, found = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(found, scores, what="scores")


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.models.cait")
    source = core.seeded(lambda: timm.TalkingHeadAttn(16, 4, qkv_bias=use_bias))
    core.randomize(source)
    x = random_map((2, 7, 16))
    layer = built(TalkingHeadsAttention(4, use_bias=use_bias), x.shape)
    copies.copy_talking_heads(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_heads_that_keep_to_themselves_are_multi_head_attention():
    layer = randomise(built(TalkingHeadsAttention(2), TOKENS))
    for mix in (layer.mix_logits, layer.mix_weights):
        mix.set_weights([np.eye(2), np.zeros(2)])
    x, mask = random_map(TOKENS), np.arange(7) < np.array([[7], [3]])
    plain = randomise(built(MultiHeadSelfAttention(2), TOKENS))
    for found, expected in zip(
        layer(x, mask=mask, return_attention_scores=True),
        plain(x, mask=mask, return_attention_scores=True),
        strict=True,
    ):
        assert_close(found, expected)


def test_any_order_will_do():
    layer = randomise(built(TalkingHeadsAttention(2), TOKENS))
    x, order = random_map(TOKENS), np.random.default_rng(0).permutation(7)
    assert_close(layer(x[:, order]), to_numpy(layer(x))[:, order])


def test_contract():
    check_layer(
        TalkingHeadsAttention,
        {"num_heads": 2},
        others={"num_heads": 4, "dropout": 0.5},
        shape=TOKENS,
        scores=lambda shape: (shape[0], 2, shape[1], shape[1]),
        mask=0,
        one_channel=False,
        zero_gradients=("mix_logits/bias",),  # the same for every logit of a softmax
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
    must_raise(lambda: TalkingHeadsAttention(**options), "TalkingHeadsAttention: ", message)


def test_rejects_heads_that_do_not_divide_the_channels():
    layer = TalkingHeadsAttention(3)
    must_raise(lambda: layer.build(TOKENS), "num_heads must divide 8 channels. Received: ")
