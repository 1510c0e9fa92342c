import numpy as np
import pytest

from keras_attention.layers import DoubleAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import whole_map


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    layer = DoubleAttention(hidden=3, num_maps=5, data_format=data_format)
    assert_matches(layer, whole_map.double)


def test_contract():
    check_layer(
        DoubleAttention,
        others={"hidden": 3, "num_maps": 5},
        scores=lambda shape: (shape[0], 1, 63, 63),
        rows=("",),
        zero_gradients=("gather/bias",),
    )


def test_the_scores_are_the_shares_of_the_positions():
    x = random_inputs((2, 3, 4, 8))
    layer = randomise(built(DoubleAttention(), x.shape))
    y, scores = layer(x, return_attention_scores=True)
    tokens = to_numpy(layer.feature(x.reshape(2, 12, 8)))
    expected = to_numpy(layer.out(to_numpy(scores)[:, 0] @ tokens))
    assert_close(y, x + expected.reshape(x.shape), 1e-5 * np.abs(expected).max())


def test_one_map_gives_every_position_the_same():
    x = random_inputs((2, 3, 4, 8))
    layer = randomise(built(DoubleAttention(num_maps=1), x.shape))
    added = (to_numpy(layer(x)) - x).reshape(2, 12, 8)
    assert_close(added, np.broadcast_to(added[:, :1], added.shape))
    assert np.abs(added).max() > 0.1


def test_widths():
    shapes = weight_shapes(built(DoubleAttention(), (1, 2, 2, 12)))
    assert shapes["feature/kernel"] == shapes["gather/kernel"] == (12, 3)
    shapes = weight_shapes(built(DoubleAttention(hidden=2, num_maps=5), (1, 2, 2, 12)))
    assert shapes["feature/kernel"] == (12, 2) and shapes["out/kernel"] == (2, 12)
    assert shapes["gather/kernel"] == shapes["distribute/kernel"] == (12, 5)


@pytest.mark.parametrize("name", ["hidden", "num_maps"])
def test_rejects_widths_below_one(name):
    message = f"DoubleAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        DoubleAttention(**{name: 0})
