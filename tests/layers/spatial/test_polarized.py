import functools

import numpy as np
import pytest

from keras_attention.layers import PolarizedSelfAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import mixed_gates
from tests.torch_oracles import core, spatial

MODES = ("parallel", "sequential")


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_matches_the_paper(data_format, mode):
    layer = PolarizedSelfAttention(mode, data_format=data_format)
    assert_matches(layer, functools.partial(mixed_gates.polarized, mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_matches_a_torch_port(mode):
    core.import_oracle("torch")
    x, layer = random_map(), randomise(built(PolarizedSelfAttention(mode)))
    weights = {path: value.astype("float32") for path, value in weight_values(layer).items()}
    assert_library(layer, x, spatial.polarized(x, weights, mode), "torch")


@pytest.mark.parametrize("mode", MODES)
def test_contract(mode):
    check_layer(
        PolarizedSelfAttention,
        {"mode": mode},
        others={"mode": "sequential"},
        gate=mode == "sequential",
        one_channel=False,
        zero_gradients=("channel_query/bias",),
    )


def test_parallel_factors_add_up():
    x, layer = random_map(), randomise(built(PolarizedSelfAttention()))
    y, scores = layer(x, return_attention_scores=True)
    channel, space = to_numpy(scores["channel"]), to_numpy(scores["spatial"])
    assert_close(y, x * (channel[:, None, None] + space[..., None]))


@pytest.mark.parametrize("mode", MODES)
def test_positions_have_no_order(mode):
    """Shuffled positions give the outputs in the shuffled order."""
    x, layer = random_map((2, 3, 4, 8)), PolarizedSelfAttention(mode)
    randomise(built(layer, x.shape))
    order = np.random.default_rng(0).permutation(12)

    def shuffled(map_):
        return map_.reshape(2, 12, 8)[:, order].reshape(x.shape)

    assert_close(layer(shuffled(x)), shuffled(to_numpy(layer(x))))


def test_inner_width_is_half_the_channels():
    shapes = weight_shapes(built(PolarizedSelfAttention(), (1, 4, 4, 12)))
    assert shapes["channel_query/kernel"] == (12, 1)
    assert shapes["channel_value/kernel"] == (12, 6)
    assert shapes["channel_out/kernel"] == (6, 12)
    assert shapes["space_query/kernel"] == shapes["space_value/kernel"] == (12, 6)


def test_rejects_an_odd_number_of_channels():
    message = (
        "PolarizedSelfAttention 'mistaken' needs an even number of channels. Received: channels=7"
    )
    with pytest.raises(ValueError, match=message):
        PolarizedSelfAttention(name="mistaken")(random_map((1, 2, 2, 7)))


def test_rejects_an_unknown_mode():
    message = (
        r"PolarizedSelfAttention: mode must be one of \['parallel', 'sequential'\]. "
        r"Did you mean 'parallel'\? Received: mode='paralel'"
    )
    with pytest.raises(ValueError, match=message):
        PolarizedSelfAttention("paralel")
