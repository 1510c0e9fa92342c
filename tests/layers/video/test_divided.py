import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import DividedSpaceTimeAttention
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
    layer = DividedSpaceTimeAttention(2, data_format=data_format)
    assert_matches(layer, functools.partial(video.divided, heads=2), shape)


def test_matches_the_paper_with_another_epsilon_and_no_biases():
    layer = DividedSpaceTimeAttention(4, use_bias=False, epsilon=0.1)
    assert_matches(layer, functools.partial(video.divided, heads=4, epsilon=0.1), BOTH)


@pytest.mark.parametrize("shape", [VIDEO, BOTH], ids=str)
def test_matches_the_paper_with_a_mask(shape):
    mask = np.array([[True, True, True], [True, False, True]])
    layer = randomise(built(DividedSpaceTimeAttention(2), shape))
    x = random_inputs(shape)
    expected, scores = video.divided(x, weight_values(layer), 2, mask=mask)
    given = [mask, None] if isinstance(shape, list) else mask
    y, found = layer(x, mask=given, return_attention_scores=True)
    for one, two in zip(*map(keras.tree.flatten, (y, expected)), strict=True):
        assert_close(one, two)
    for key in scores:
        assert_close(found[key], scores[key], what=key)


def test_space_is_timm_in_each_frame_when_time_is_zero():
    timm = core.import_oracle("timm.layers.attention")
    source = core.seeded(lambda: timm.Attention(16, 4, qkv_bias=True))
    core.randomize(source)
    x = random_map((2, 3, 2, 4, 16))
    layer = built(DividedSpaceTimeAttention(4), x.shape)
    copies.copy_attention(source, layer.spatial)
    normal = to_numpy(layer.spatial_norm(x)).reshape(6, 8, 16)
    assert_library(layer, x, x + core.run(source, normal).reshape(x.shape), "timm")


def test_starts_as_space_only():
    x = random_inputs(BOTH)
    layer = built(DividedSpaceTimeAttention(2), BOTH)
    before = layer(x)
    for weight in (*layer.temporal.weights, *layer.temporal_norm.weights):
        weight.assign(weight + 1.0)
    for one, two in zip(layer(x), before, strict=True):
        assert_equal(one, two)
    still = [x[0][:, [1]], x[1]]  # one frame alone gives what it gives among others
    assert_close(layer(still)[0], to_numpy(before[0])[:, [1]])
    started = built(DividedSpaceTimeAttention(2, zero_init_temporal=False), BOTH)
    assert np.abs(to_numpy(started.temporal_proj.kernel)).max() > 0.1


def test_the_class_token_skips_time():
    layer = randomise(built(DividedSpaceTimeAttention(2), BOTH))
    x, token = random_inputs(BOTH)
    y, other = (layer([x, one], return_attention_scores=True) for one in (token, token[:, :, ::-1]))
    assert_equal(other[1]["temporal"], y[1]["temporal"])
    assert np.abs(to_numpy(other[0][0]) - to_numpy(y[0][0])).max() > 1e-3


def test_frames_may_come_in_any_order():
    layer = randomise(built(DividedSpaceTimeAttention(2), BOTH))
    x, token = random_inputs(BOTH)
    y, late = layer([x, token]), layer([x[:, [2, 0, 1]], token])
    assert_close(late[0], to_numpy(y[0])[:, [2, 0, 1]])
    assert_close(late[1], y[1])


CASE = {
    "options": {"num_heads": 2},
    "others": {"num_heads": 4, "epsilon": 0.1, "dropout": 0.5},
    "shape": VIDEO,
    "scores": lambda shape: {"temporal": (2, 8, 2, 3, 3), "spatial": (2, 3, 2, 8, 8)},
    "rows": ("temporal", "spatial"),
}


def test_contract():
    check_layer(DividedSpaceTimeAttention, mask=0, one_channel=False, **CASE)


def test_contract_with_a_class_token():
    case = {**CASE, "shape": BOTH, "output": lambda shape: shape}
    case["scores"] = lambda shape: {"temporal": (2, 8, 2, 3, 3), "spatial": (2, 3, 2, 9, 9)}
    for check in set(helpers.CHECKS) - {learning.identity_init}:  # it knows single outputs
        check(helpers.Case(DividedSpaceTimeAttention, mask=0, **case))


def test_starts_as_the_identity_with_a_class_token():
    x = random_inputs(BOTH)
    layer = built(DividedSpaceTimeAttention(2, identity_init=True), BOTH)
    for one, two in zip(layer(x), x, strict=True):
        assert_equal(one, two)
    layer, plain = randomise(layer), randomise(built(DividedSpaceTimeAttention(2), BOTH))
    layer.identity_scale.assign(1.0)
    for one, two in zip(layer(x), plain(x), strict=True):
        assert_close(one, two)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"epsilon": 0}, "epsilon must be above 0. Received: epsilon=0"),
        ({"dropout": 1.5}, "dropout must be in [0, 1). Received: dropout=1.5"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: DividedSpaceTimeAttention(**options), "DividedSpaceTimeAttention: ", message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([VIDEO, (2, 2, 8)], "a class token (batch, 1, 8) beside the video. Received: class_shape"),
        ([*BOTH, (2, 1, 8)], "needs the inputs [video] or [video, class]. Received: input_shape"),
        ((2, 3, 2, 4, 7), "num_heads must divide 7 channels. Received: num_heads=2"),
    ],
    ids=str,
)
def test_rejects_inputs(shape, message):
    must_raise(lambda: DividedSpaceTimeAttention(2).build(shape), message)
