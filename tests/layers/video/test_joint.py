import functools

import numpy as np
import pytest

from keras_attention.layers import JointSpaceTimeAttention
from tests import helpers
from tests.contract import learning
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    must_raise,
    random_inputs,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import video
from tests.torch_oracles import core
from tests.torch_oracles import multi_head as copies

VIDEO = (2, 3, 2, 4, 8)
BOTH = [VIDEO, (2, 1, 8)]


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("shape", [VIDEO, BOTH], ids=str)
def test_matches_the_paper(shape, data_format):
    layer = JointSpaceTimeAttention(2, data_format=data_format)
    assert_matches(layer, functools.partial(video.joint, heads=2), shape)


def test_matches_the_paper_with_normalised_queries_and_keys():
    layer = JointSpaceTimeAttention(2, 3, use_bias=False, qk_norm="rms")
    assert_matches(layer, functools.partial(video.joint, heads=2, qk_norm="rms"), BOTH)


@pytest.mark.parametrize("shape", [VIDEO, BOTH], ids=str)
@pytest.mark.parametrize("frames", [True, False])
def test_matches_the_paper_with_a_mask(frames, shape):
    positions = np.random.default_rng(0).random(VIDEO[:4]) > 0.4
    if frames:
        positions = np.broadcast_to(positions[:, :, :1, :1], VIDEO[:4])
    mask = positions[:, :, 0, 0] if frames else positions
    layer = randomise(built(JointSpaceTimeAttention(2), shape))
    x = random_inputs(shape)
    expected, scores = video.joint(x, weight_values(layer), 2, mask=positions)
    given = [mask, None] if isinstance(shape, list) else mask
    y, found = layer(x, mask=given, return_attention_scores=True)
    first = (lambda one: one[0]) if isinstance(shape, list) else (lambda one: one)
    assert_close(first(y), first(expected))
    assert_close(found, scores, what="scores")


def test_matches_timm():
    timm = core.import_oracle("timm.layers.attention")
    source = core.seeded(lambda: timm.Attention(16, 4, qkv_bias=True))
    core.randomize(source)
    x = random_map((2, 3, 2, 4, 16))
    layer = built(JointSpaceTimeAttention(4), x.shape)
    copies.copy_attention(source, layer.attention)
    expected = core.run(source, x.reshape(2, 24, 16)).reshape(x.shape)
    assert_library(layer, x, expected, "timm")


def test_contract():
    check_layer(JointSpaceTimeAttention, mask=0, one_channel=False, **CASE)


def test_contract_with_a_class_token():
    case = {**CASE, "shape": BOTH, "output": lambda shape: shape}
    case["scores"] = lambda shape: (2, 2, 25, 25)
    for check in set(helpers.CHECKS) - {learning.identity_init}:  # it knows single outputs
        check(helpers.Case(JointSpaceTimeAttention, mask=0, **case))


def test_starts_as_the_identity_with_a_class_token():
    x = random_inputs(BOTH)
    layer = built(JointSpaceTimeAttention(2, identity_init=True), BOTH)
    for one, two in zip(layer(x), x, strict=True):
        assert_equal(one, two)
    layer, plain = randomise(layer), randomise(built(JointSpaceTimeAttention(2), BOTH))
    layer.identity_scale.assign(1.0)
    for one, two in zip(layer(x), plain(x), strict=True):
        assert_close(one, two)


CASE = {
    "options": {"num_heads": 2},
    "others": {
        "num_heads": 4,
        "key_dim": 3,
        "qk_norm": "layer",
        "dropout": 0.5,
        "projection_dropout": 0.5,
    },
    "shape": VIDEO,
    "scores": lambda shape: (2, 2, 24, 24),
    "rows": ("",),
}


def test_any_order_of_time_and_place_will_do():
    layer = randomise(built(JointSpaceTimeAttention(2), VIDEO))
    x = random_map(VIDEO)
    y = to_numpy(layer(x))
    assert_close(layer(x[:, ::-1]), y[:, ::-1])
    assert_close(layer(x[:, :, :, [2, 0, 3, 1]]), y[:, :, :, [2, 0, 3, 1]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"key_dim": 0}, "key_dim must be an integer >= 1. Received: key_dim=0"),
        ({"qk_norm": "rsm"}, "Did you mean 'rms'? Received: qk_norm='rsm'"),
        ({"dropout": 1.5}, "dropout must be in [0, 1). Received: dropout=1.5"),
        ({"projection_dropout": -1}, "Received: projection_dropout=-1"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: JointSpaceTimeAttention(**options), "JointSpaceTimeAttention: ", message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([VIDEO, (2, 2, 8)], "a class token (batch, 1, 8) beside the video. Received: class_shape"),
        ([VIDEO, (2, 1, 4)], "a class token (batch, 1, 8) beside the video. Received: class_shape"),
        ([*BOTH, (2, 1, 8)], "needs the inputs [video] or [video, class]. Received: input_shape"),
        ((2, 3, 2, 4, 7), "num_heads must divide 7 channels. Received: num_heads=2"),
    ],
    ids=str,
)
def test_rejects_inputs(shape, message):
    must_raise(lambda: JointSpaceTimeAttention(2).build(shape), message)


@pytest.mark.parametrize("shape", [(2, 4), (2, 24), (2, 3, 2, 5)], ids=str)
def test_rejects_masks_of_another_shape(shape):
    layer = built(JointSpaceTimeAttention(2), VIDEO)
    must_raise(lambda: layer(random_map(VIDEO), mask=np.ones(shape, bool)), "Received: mask")
