import functools
import math

import pytest

from keras_attention.layers import CBAM
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_library,
    assert_matches,
    built,
    random_map,
)
from tests.oracles import spatial
from tests.torch_oracles import core, gates


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("use_norm", [True, False])
def test_matches_the_paper(data_format, use_bias, use_norm):
    layer = CBAM(2, use_bias=use_bias, use_norm=use_norm, data_format=data_format)
    assert_matches(layer, functools.partial(spatial.cbam, use_norm=use_norm))


def test_matches_pytorchcv():
    source = core.import_oracle("pytorchcv.models.cbamresnet").CbamBlock(32, 8)
    core.randomize(source)
    x = random_map((2, 7, 9, 32))
    layer = built(CBAM(8), x.shape)
    gates.copy_cbam(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.layers.cbam")
    source = timm.CbamModule(32, rd_ratio=1 / 8, mlp_bias=use_bias)
    core.randomize(source)
    x = random_map((2, 7, 9, 32))
    layer = built(CBAM(8, use_bias=use_bias), x.shape)
    gates.copy_timm_cbam(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        CBAM,
        {"reduction": 2, "kernel_size": 3},
        others={"hidden": 5, "gamma_initializer": "ones"},
        torch_float16_gradient=False,
    )


def test_number_of_parameters():
    layer = built(CBAM(), (1, 7, 7, 256))
    assert sum(math.prod(weight.shape) for weight in layer.trainable_weights) == 8564


@pytest.mark.parametrize(
    "options, message",
    [
        ({"reduction": 0}, "reduction must be an integer >= 1. Received: reduction=0"),
        ({"hidden": 0}, "hidden must be an integer >= 1. Received: hidden=0"),
        ({"kernel_size": 4}, "kernel_size must be an odd integer >= 1. Received: kernel_size=4"),
    ],
)
def test_rejects_sizes(options, message):
    with pytest.raises(ValueError, match=f"CBAM: {message}"):
        CBAM(**options)
