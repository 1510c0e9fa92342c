import functools

import pytest

from keras_attention.layers import ConcurrentSqueezeExcite
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("combine", ["add", "max", "multiply"])
def test_matches_the_paper(data_format, combine):
    layer = ConcurrentSqueezeExcite(combine=combine, data_format=data_format)
    assert_matches(layer, functools.partial(spatial.concurrent_squeeze_excite, combine=combine))


@pytest.mark.parametrize("combine", ["add", "max", "multiply"])
def test_contract(combine):
    check_layer(
        ConcurrentSqueezeExcite,
        {"combine": combine},
        others={"combine": "multiply"},
        gate=combine == "multiply",
    )


def test_the_factor_of_the_sum_is_the_sum_of_the_scores():
    x = random_map()
    layer = randomise(built(ConcurrentSqueezeExcite()))
    y, scores = layer(x, return_attention_scores=True)
    factor = to_numpy(scores["channel"])[:, None, None, :] + to_numpy(scores["spatial"])[..., None]
    assert_close(y, x * factor)


def test_the_width_of_the_channel_gate():
    def width(**options):
        shapes = weight_shapes(built(ConcurrentSqueezeExcite(**options), (1, 4, 4, 12)))
        return shapes["channel_gate/squeeze/bias"]

    assert width() == (6,)
    assert width(reduction=3) == (4,)
    assert width(reduction=12) == (1,)


def test_rejects_an_unknown_way_to_combine():
    message = (
        r"ConcurrentSqueezeExcite: combine must be one of \['add', 'max', 'multiply'\]. "
        "Did you mean 'multiply'[?] Received: combine='multipy'"
    )
    with pytest.raises(ValueError, match=message):
        ConcurrentSqueezeExcite(combine="multipy")


def test_rejects_a_reduction_below_one():
    message = "ConcurrentSqueezeExcite: reduction must be an integer >= 1. Received: reduction=0"
    with pytest.raises(ValueError, match=message):
        ConcurrentSqueezeExcite(0)
