import functools

import numpy as np
import pytest

from keras_attention.layers import SimAM
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    random_map,
    to_layout,
    to_numpy,
)
from tests.oracles import maths, spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("e_lambda", [1e-4, 0.5])
def test_matches_the_paper(data_format, e_lambda):
    layer = SimAM(e_lambda, data_format=data_format)
    assert_matches(layer, functools.partial(spatial.simam, e_lambda=e_lambda), (2, 2, 3, 8))


def test_contract():
    check_layer(SimAM, others={"e_lambda": 0.5}, gate=False)


def test_no_factor_is_below_the_sigmoid_of_a_half():
    x = random_map()
    ratio = to_numpy(SimAM()(x)) / x
    assert ratio.min() >= maths.sigmoid(0.5) - 1e-6
    flat = np.full((1, 4, 5, 3), 7.0, "float32")
    assert_close(SimAM()(flat), flat * maths.sigmoid(0.5))


def test_what_stands_out_counts_more():
    x = np.zeros((1, 5, 5, 1), "float32")
    x[0, 2, 3] = 1.0
    _, factor = SimAM()(x, return_attention_scores=True)
    assert np.unravel_index(to_numpy(factor).argmax(), (1, 5, 5)) == (0, 2, 3)


def test_factors_do_not_change_with_the_scale_or_the_offset_of_a_channel():
    x = random_map().astype("float64")
    (_, one), (_, two) = (
        SimAM(1e-9)(values, return_attention_scores=True) for values in (x, 5 * x + 3)
    )
    assert_close(one, two)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_rejects_a_map_of_one_position(data_format):
    x = to_layout(random_map((2, 1, 1, 8)), data_format)
    message = "SimAM needs more than one position in a map. Received: input_shape="
    with pytest.raises(ValueError, match=message):
        SimAM(data_format=data_format)(x)


def test_rejects_e_lambda_not_above_zero():
    message = "SimAM: e_lambda must be above 0. Received: e_lambda=0.0"
    with pytest.raises(ValueError, match=message):
        SimAM(0.0)
