import functools

import numpy as np
import pytest

from keras_attention.layers import GatedChannelTransform
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import channel
from tests.torch_oracles import core


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    layer = GatedChannelTransform(data_format=data_format)
    assert_matches(layer, channel.gated_channel_transform)


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(channel.gated_channel_transform, epsilon=50.0)
    assert_matches(GatedChannelTransform(50.0), oracle)


def test_matches_torch():
    torch = core.import_oracle("torch")
    x = random_map()
    layer = randomise(built(GatedChannelTransform()))
    alpha, gamma, beta = (
        torch.from_numpy(weight_values(layer)[name]) for name in ("alpha", "gamma", "beta")
    )
    norms = torch.linalg.vector_norm(torch.from_numpy(x).double(), dim=(1, 2))  # no epsilon
    s = alpha * norms
    rms = torch.nn.functional.rms_norm(s, s.shape[1:], eps=1e-5)
    gate = 1 + torch.tanh(gamma * rms + beta)
    assert_library(layer, x, x * gate.numpy()[:, None, None, :], "torch")


def test_contract():
    check_layer(GatedChannelTransform, others={"epsilon": 50.0})


def test_starts_as_the_identity_without_being_asked():
    x = random_map()
    y, gate = GatedChannelTransform()(x, return_attention_scores=True)
    assert_equal(y, x)
    assert_equal(gate, np.ones((2, 8)))


def test_large_maps_in_half_precision():
    x = np.full((1, 64, 64, 2), 100.0)  # the sum of squares is 4e7
    layer = built(GatedChannelTransform(dtype="mixed_float16"), x.shape)
    layer.gamma.assign([1, -1])
    gate = 1 + np.tanh([1, -1])
    assert_close(layer(x), x * gate, 0.2)


def test_the_gate_is_computed_in_float32():
    """Half precision rounds the input and the output, and nothing between."""
    x = (np.arange(96).reshape(2, 3, 4, 4) / 32).astype("float32")  # exact in float16
    gates = []
    for dtype in ("float32", "mixed_float16"):
        layer = randomise(built(GatedChannelTransform(dtype=dtype), x.shape))
        gates.append(layer(x, return_attention_scores=True)[1])
    assert_close(gates[1], gates[0], 1e-6)


def test_competition_needs_no_scale():
    """With a tiny epsilon the gates of a map and of its multiple are equal."""
    x = random_map()
    layer = randomise(built(GatedChannelTransform(1e-12)))
    (_, one), (_, two) = (layer(values, return_attention_scores=True) for values in (x, 3 * x))
    assert_close(one, two)
    assert np.ptp(to_numpy(one)) > 0.1


@pytest.mark.parametrize("value", [0, -1e-5, "1e-5", True])
def test_rejects_epsilon_not_above_zero(value):
    message = f"GatedChannelTransform: epsilon must be above 0. Received: epsilon={value!r}"
    with pytest.raises(ValueError, match=message):
        GatedChannelTransform(value)
