import numpy as np
import pytest

from keras_attention.layers import (
    ChannelAffinityAttention,
    DualAttention,
    PositionAttention,
)
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
)
from tests.layers.whole_map.branch import assert_whole_branch_matches
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    layer = DualAttention(2, data_format=data_format)
    assert_matches(layer, whole_map.dual, x=0.3 * random_inputs())


def test_matches_the_paper_with_the_whole_branch():
    assert_whole_branch_matches(DualAttention(2), whole_map.dual, 0.3 * random_inputs())


def test_matches_pytorchcv():
    pytorchcv = core.import_oracle("pytorchcv.models.danet")
    positions = core.seeded(lambda: pytorchcv.PosAttBlock(16))
    channels = pytorchcv.ChaAttBlock()
    core.randomize(positions)
    x = 0.3 * random_inputs((2, 7, 9, 16))
    layer = built(DualAttention(), x.shape)
    torch_oracles.copy_position(positions, layer.position_attention)
    torch_oracles.copy_gamma(channels, layer.channel_attention)
    expected = core.run(positions, x) + core.run(channels, x) - x
    assert_library(layer, x, expected, "pytorchcv")


def test_contract():
    check_layer(
        DualAttention,
        {"reduction": 2},
        feed=lambda shape, seed: 0.2 * random_inputs(shape, seed),
        scores=lambda shape: {
            "position": (shape[0], 1, 63, 63),
            "channel": (shape[0], 1, 8, 8),
        },
        rows=("position", "channel"),
        zero_gradients=("position_attention/key/bias",),
    )


def test_is_the_sum_of_both_layers_with_the_input_once():
    x = 0.3 * random_inputs()
    layer = randomise(built(DualAttention(2)))
    position, channel = built(PositionAttention(2)), built(ChannelAffinityAttention())
    position.set_weights(layer.position_attention.get_weights())
    channel.set_weights(layer.channel_attention.get_weights())
    y, scores = layer(x, return_attention_scores=True)
    one, one_scores = position(x, return_attention_scores=True)
    two, two_scores = channel(x, return_attention_scores=True)
    assert_close(y, to_numpy(one) + to_numpy(two) - x)
    assert np.array_equal(to_numpy(scores["position"]), to_numpy(one_scores))
    assert np.array_equal(to_numpy(scores["channel"]), to_numpy(two_scores))


def test_rejects_a_reduction_below_one():
    message = "DualAttention: reduction must be an integer >= 1. Received: reduction=0"
    with pytest.raises(ValueError, match=message):
        DualAttention(0)
