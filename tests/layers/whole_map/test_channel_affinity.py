import numpy as np
import pytest

from keras_attention.layers import ChannelAffinityAttention
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
    layer = ChannelAffinityAttention(data_format=data_format)
    assert_matches(layer, whole_map.channel_affinity, x=0.2 * random_inputs())


def test_matches_the_paper_with_the_whole_branch():
    assert_whole_branch_matches(
        ChannelAffinityAttention(), whole_map.channel_affinity, 0.2 * random_inputs()
    )


def test_matches_pytorchcv():
    pytorchcv = core.import_oracle("pytorchcv.models.danet")
    source = pytorchcv.ChaAttBlock()
    x = 0.2 * random_inputs((2, 7, 9, 16))  # small products, so that more than one channel counts
    layer = built(ChannelAffinityAttention(), x.shape)
    torch_oracles.copy_gamma(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


def test_contract():
    check_layer(
        ChannelAffinityAttention,
        feed=lambda shape, seed: 0.2 * random_inputs(shape, seed),
        scores=lambda shape: (shape[0], 1, 8, 8),
        rows=("",),
    )


def test_the_most_unlike_channel_has_most_weight():
    x = np.zeros((1, 2, 2, 3), "float32")
    x[..., 0], x[..., 1], x[..., 2] = 1, 0.9, -1
    _, scores = ChannelAffinityAttention()(x, return_attention_scores=True)
    assert to_numpy(scores)[0, 0].argmax(-1).tolist() == [2, 2, 0]


def test_permutations_of_channels_and_of_pixels():
    rng, x = np.random.default_rng(0), 0.3 * random_inputs((2, 3, 4, 8))
    layer = randomise(built(ChannelAffinityAttention(), x.shape))
    channels, pixels = rng.permutation(8), rng.permutation(12)

    def permuted(map_):
        return to_numpy(map_).reshape(2, 12, 8)[:, pixels][..., channels].reshape(x.shape)

    assert_close(layer(permuted(x)), permuted(layer(x)))


def test_large_maps_do_not_overflow_in_half_precision():
    x = 10 * random_inputs((1, 32, 32, 4))  # products of about 200,000
    y, scores = ChannelAffinityAttention(dtype="mixed_float16")(x, return_attention_scores=True)
    assert np.isfinite(to_numpy(y)).all()
    assert_close(to_numpy(scores).sum(-1), np.ones((1, 1, 4)))
