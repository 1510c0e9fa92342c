import functools

import numpy as np
import pytest

from keras_attention.layers import SqueezeExcite
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_library,
    assert_matches,
    built,
    random_map,
    weight_shapes,
)
from tests.oracles import channel, maths
from tests.torch_oracles import core, gates


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(data_format, use_bias):
    layer = SqueezeExcite(2, use_bias=use_bias, data_format=data_format)
    assert_matches(layer, channel.squeeze_excite)


def test_matches_the_paper_with_other_activations():
    oracle = functools.partial(
        channel.squeeze_excite,
        activation=lambda z: z * maths.sigmoid(z),
        gate=lambda z: np.clip(z + 3, 0, 6) / 6,
    )
    layer = SqueezeExcite(2, activation="silu", gate="hard_sigmoid")
    assert_matches(layer, oracle)


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.layers.squeeze_excite")
    source = timm.SEModule(16, rd_channels=4, bias=use_bias)
    core.randomize(source)
    x = random_map((2, 7, 9, 16))
    layer = built(SqueezeExcite(4, use_bias=use_bias), x.shape)
    gates.copy_se(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        SqueezeExcite,
        {"reduction": 2},
        others={"hidden": 5, "activation": "gelu", "gate": "hard_sigmoid"},
    )


def test_width_of_the_hidden_layer():
    def width(channels, **options):
        return weight_shapes(built(SqueezeExcite(**options), (1, 4, 4, channels)))["squeeze/bias"]

    assert width(64) == (4,)
    assert width(16) == (1,)
    assert width(64, reduction=5) == (12,)
    assert width(64, reduction=5, hidden=7) == (7,)


@pytest.mark.parametrize(
    "options",
    [{"reduction": 0}, {"reduction": 2.0}, {"reduction": True}, {"hidden": 0}, {"hidden": "4"}],
    ids=str,
)
def test_rejects_widths_below_one(options):
    ((name, value),) = options.items()
    message = f"SqueezeExcite: {name} must be an integer >= 1. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        SqueezeExcite(**options)
