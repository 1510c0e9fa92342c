import pytest

from keras_attention.layers import SpatialSqueezeExcite
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_map,
    randomise,
    weight_shapes,
)
from tests.oracles import spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(data_format, use_bias):
    layer = SpatialSqueezeExcite(use_bias=use_bias, data_format=data_format)
    assert_matches(layer, spatial.spatial_squeeze_excite)


def test_contract():
    check_layer(SpatialSqueezeExcite)


def test_one_number_for_a_position():
    assert weight_shapes(built(SpatialSqueezeExcite())) == {
        "score/kernel": (1, 1, 8, 1),
        "score/bias": (1,),
    }


def test_a_position_sees_no_other():
    x = random_map()
    layer = randomise(built(SpatialSqueezeExcite()))
    assert_close(layer(x)[:, 2:3, 4:5], layer(x[:, 2:3, 4:5]))
