import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import SpatialGate, TripletAttention
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
    weight_values,
)
from tests.oracles import mixed_gates
from tests.torch_oracles import core, spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("use_spatial", [True, False])
def test_matches_the_paper(data_format, use_spatial):
    layer = TripletAttention(3, use_spatial, data_format=data_format)
    assert_matches(layer, functools.partial(mixed_gates.triplet, use_spatial=use_spatial))


def test_matches_the_paper_with_defaults():
    assert_matches(TripletAttention(), mixed_gates.triplet)


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(mixed_gates.triplet, epsilon=0.5)
    assert_matches(TripletAttention(3, epsilon=0.5), oracle)


@pytest.mark.parametrize("use_spatial", [True, False])
def test_matches_the_authors_code(use_spatial):
    core.import_oracle("torch")
    x, layer = random_map(), randomise(built(TripletAttention(use_spatial=use_spatial)))
    expected = spatial.triplet(x, as_float32(layer), use_spatial)
    assert_library(layer, x, expected, "torch")


def as_float32(layer):
    return {path: value.astype("float32") for path, value in weight_values(layer).items()}


def test_contract():
    check_layer(
        TripletAttention,
        {"kernel_size": 3},
        others={"epsilon": 0.1},
        gate=False,
        torch_float16_gradient=False,
    )


def test_one_plane_is_a_spatial_gate():
    """With the other two planes' factors at one half, what is left is that of (H, W)."""
    x, layer = random_map(), randomise(built(TripletAttention()))
    for gate in (layer.cw, layer.hc):
        gate.norm.set_weights([0 * one for one in gate.norm.get_weights()])
    plane = built(SpatialGate())
    plane.set_weights(layer.hw.get_weights())
    assert_close(layer(x), (x + to_numpy(plane(x))) / 3)


def test_channels_and_width_exchange_their_planes():
    """On the map with W and C exchanged, (H, W) and (H, C) swap, and (C, W) is transposed."""
    x = random_map((2, 5, 9, 8))
    layer = randomise(built(TripletAttention(3), x.shape))
    other = built(TripletAttention(3), (2, 5, 8, 9))
    other.hw.set_weights(layer.hc.get_weights())
    other.hc.set_weights(layer.hw.get_weights())
    kernel, *norm = layer.cw.get_weights()
    other.cw.set_weights([kernel.swapaxes(0, 1), *norm])
    assert_close(other(x.swapaxes(2, 3)), to_numpy(layer(x)).swapaxes(2, 3))


def test_starts_with_scales_of_one():
    layer = built(TripletAttention())
    for gate in (layer.cw, layer.hc, layer.hw):
        assert np.array_equal(to_numpy(gate.norm.gamma), [1])
        assert isinstance(gate.conv.kernel_initializer, keras.initializers.HeNormal)


@pytest.mark.parametrize("size", [0, 2, 7.0])
def test_rejects_even_kernels(size):
    message = (
        f"TripletAttention: kernel_size must be an odd integer >= 1. Received: kernel_size={size}"
    )
    with pytest.raises(ValueError, match=message):
        TripletAttention(size)
