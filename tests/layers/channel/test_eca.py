import functools

import pytest

from keras_attention.layers import EfficientChannelAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_library,
    assert_matches,
    built,
    random_map,
    weight_shapes,
)
from tests.oracles import channel
from tests.torch_oracles import core, gates


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("kernel_size", [None, 1, 5])
def test_matches_the_paper(data_format, circular, kernel_size):
    layer = EfficientChannelAttention(kernel_size, circular=circular, data_format=data_format)
    assert_matches(layer, functools.partial(channel.efficient_channel_attention, circular=circular))


@pytest.mark.parametrize("channels", [1, 2])
def test_circular_matches_the_paper_on_few_channels(channels):
    oracle = functools.partial(channel.efficient_channel_attention, circular=True)
    assert_matches(EfficientChannelAttention(circular=True), oracle, (2, 7, 9, channels))


@pytest.mark.parametrize("circular", [False, True])
def test_matches_timm(circular):
    timm = core.import_oracle("timm.layers.eca")
    source = (timm.CecaModule if circular else timm.EcaModule)(128)
    x = random_map((2, 3, 4, 128))
    layer = built(EfficientChannelAttention(circular=circular), x.shape)
    gates.copy_eca(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("circular", [False, True])
def test_contract(circular):
    check_layer(
        EfficientChannelAttention,
        {"circular": circular},
        others={"kernel_size": 5, "gamma": 1, "beta": 7},
    )


def test_kernel_size_by_the_rule():
    expected = {1: 3, 16: 3, 127: 3, 128: 5, 2047: 5, 2048: 7, 32767: 7, 32768: 9}
    for channels, size in expected.items():
        assert EfficientChannelAttention().size_for(channels) == size
        assert channel.eca_kernel_size(channels) == size


@pytest.mark.parametrize("gamma, beta", [(1, 0), (1, 3), (2, 5)])
def test_kernel_size_by_another_rule(gamma, beta):
    for channels in (16, 100, 512):
        layer = EfficientChannelAttention(gamma=gamma, beta=beta)
        size = channel.eca_kernel_size(channels, gamma, beta)
        assert weight_shapes(built(layer, (1, 4, 4, channels))) == {"conv/kernel": (size, 1, 1)}


@pytest.mark.parametrize("value", [0, 2, -3, 3.0, True])
def test_rejects_even_kernels(value):
    message = f"kernel_size must be an odd integer >= 1. Received: kernel_size={value!r}"
    with pytest.raises(ValueError, match=f"EfficientChannelAttention: {message}"):
        EfficientChannelAttention(value)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"gamma": 0}, "gamma must be an integer >= 1. Received: gamma=0"),
        ({"beta": -1}, "beta must be an integer >= 0. Received: beta=-1"),
    ],
)
def test_rejects_another_rule(options, message):
    with pytest.raises(ValueError, match=f"EfficientChannelAttention: {message}"):
        EfficientChannelAttention(**options)


def test_rejects_wrapping_around_too_few_channels():
    layer = EfficientChannelAttention(7, circular=True, name="short")
    message = "'short' with circular=True .*Received: kernel_size=7, channels=2"
    with pytest.raises(ValueError, match=message):
        layer(random_map((1, 4, 4, 2)))
