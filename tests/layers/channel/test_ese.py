import functools

import keras
import pytest

from keras_attention.layers import EffectiveSqueezeExcite
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    random_map,
)
from tests.oracles import channel, maths
from tests.torch_oracles import core, gates


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(data_format, use_bias):
    layer = EffectiveSqueezeExcite(use_bias=use_bias, data_format=data_format)
    assert_matches(layer, channel.effective_squeeze_excite)


def test_matches_the_paper_with_another_gate():
    oracle = functools.partial(channel.effective_squeeze_excite, gate=maths.sigmoid)
    assert_matches(EffectiveSqueezeExcite("sigmoid"), oracle)


def test_matches_timm():
    source = core.import_oracle("timm.layers.squeeze_excite").EffectiveSEModule(16)
    core.randomize(source)
    x = random_map((2, 7, 9, 16))
    layer = built(EffectiveSqueezeExcite(), x.shape)
    gates.copy_ese(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(EffectiveSqueezeExcite, others={"gate": "sigmoid"})


def test_far_channels_are_left_out_or_left_alone():
    x, layer = random_map((1, 2, 2, 2)), built(EffectiveSqueezeExcite(), (1, 2, 2, 2))
    layer.excite.kernel.assign([[0, 0], [0, 0]])
    layer.excite.bias.assign([-3, 3])
    assert_equal(layer(x), x * [0, 1])


def test_rejects_what_is_no_activation():
    with pytest.raises(ValueError, match="hard_sigmoit"):
        EffectiveSqueezeExcite("hard_sigmoit")
    assert EffectiveSqueezeExcite(keras.ops.sigmoid).gate is keras.ops.sigmoid
