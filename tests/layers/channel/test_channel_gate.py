import functools

import pytest

from keras_attention.layers import ChannelGate
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
@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(data_format, use_bias):
    layer = ChannelGate(2, use_bias=use_bias, data_format=data_format)
    assert_matches(layer, channel.channel_gate)


@pytest.mark.parametrize("pools", [("avg",), ("max",), ("max", "avg")])
def test_matches_the_paper_with_one_pool_or_in_another_order(pools):
    oracle = functools.partial(channel.channel_gate, pools=pools)
    assert_matches(ChannelGate(2, pools=pools), oracle)


def test_matches_pytorchcv():
    pytorchcv = core.import_oracle("pytorchcv.models.cbamresnet")
    source = pytorchcv.ChannelGate(32, 8)
    core.randomize(source)
    x = random_map((2, 7, 9, 32))
    layer = built(ChannelGate(8), x.shape)
    gates.copy_channel_gate(source.mlp, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.layers.cbam")
    source = timm.ChannelAttn(32, rd_ratio=1 / 8, mlp_bias=use_bias)
    core.randomize(source)
    x = random_map((2, 7, 9, 32))
    layer = built(ChannelGate(8, use_bias=use_bias), x.shape)
    gates.copy_channel_gate(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(ChannelGate, {"reduction": 2}, others={"hidden": 5, "pools": ("max",)})


def test_width_of_the_hidden_layer():
    def width(channels, **options):
        return weight_shapes(built(ChannelGate(**options), (1, 4, 4, channels)))["squeeze/bias"]

    assert width(64) == (4,)
    assert width(16) == (1,)
    assert width(64, reduction=5, hidden=7) == (7,)


@pytest.mark.parametrize("options", [{"reduction": 0}, {"hidden": 0}], ids=str)
def test_rejects_widths_below_one(options):
    ((name, value),) = options.items()
    message = f"ChannelGate: {name} must be an integer >= 1. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        ChannelGate(**options)


@pytest.mark.parametrize("pools", [(), "avg", ("avg", "min")], ids=str)
def test_rejects_unknown_pools(pools):
    with pytest.raises(ValueError, match=r"one or both of \['avg', 'max'\]. Received: pools="):
        ChannelGate(pools=pools)
