import numpy as np
import pytest

from keras_attention.layers import PositionAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.layers.whole_map.branch import assert_whole_branch_matches
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    assert_matches(PositionAttention(2, data_format=data_format), whole_map.position)


def test_matches_the_paper_with_the_whole_branch():
    assert_whole_branch_matches(PositionAttention(2), whole_map.position, random_inputs())


def test_matches_pytorchcv():
    pytorchcv = core.import_oracle("pytorchcv.models.danet")
    source = core.seeded(lambda: pytorchcv.PosAttBlock(16))
    core.randomize(source)
    x = random_inputs((2, 7, 9, 16))
    layer = built(PositionAttention(), x.shape)
    torch_oracles.copy_position(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


def test_contract():
    check_layer(
        PositionAttention,
        {"reduction": 2},
        scores=lambda shape: (shape[0], 1, 63, 63),
        rows=("",),
        zero_gradients=("key/bias",),
    )


def test_permuted_pixels_give_the_permuted_output():
    x, order = random_inputs((2, 3, 4, 8)), np.random.default_rng(0).permutation(12)
    layer = randomise(built(PositionAttention(2), x.shape))
    permuted = x.reshape(2, 12, 8)[:, order].reshape(x.shape)
    expected = to_numpy(layer(x)).reshape(2, 12, 8)[:, order].reshape(x.shape)
    assert_close(layer(permuted), expected)


def test_width_of_query_and_key():
    shapes = weight_shapes(built(PositionAttention(), (1, 2, 2, 24)))
    assert shapes["query/kernel"] == shapes["key/kernel"] == (24, 3)
    assert shapes["value/kernel"] == (24, 24) and shapes["gamma"] == ()


def test_rejects_a_reduction_below_one():
    message = "PositionAttention: reduction must be an integer >= 1. Received: reduction=0"
    with pytest.raises(ValueError, match=message):
        PositionAttention(0)
