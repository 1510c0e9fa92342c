import functools

import numpy as np
import pytest

from keras_attention.layers import BlockAttention, WindowAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
)
from tests.oracles import windows
from tests.torch_oracles import core
from tests.torch_oracles.windows import copy_partition


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    oracle = functools.partial(windows.block, window_size=4)
    assert_matches(BlockAttention(4, key_dim=4, data_format=data_format), oracle)


def test_matches_the_paper_without_biases():
    oracle = functools.partial(windows.block, window_size=3, num_heads=4)
    assert_matches(BlockAttention(3, key_dim=2, use_bias=False), oracle)


def test_matches_timm():
    timm = core.import_oracle("timm.models.maxxvit")
    bias = functools.partial(core.import_oracle("timm.layers").RelPosBias, window_size=(3, 3))
    source = core.seeded(lambda: timm.AttentionCl(16, dim_head=8, rel_pos_cls=bias))
    core.randomize(source)
    x = random_map((2, 6, 9, 16))
    layer = built(BlockAttention(3, key_dim=8), x.shape)
    copy_partition(source, layer)
    parts = timm.window_partition(core.to_torch(x, "channels_first"), [3, 3])
    y = timm.window_reverse(source.eval()(parts), [3, 3], [6, 9])
    assert_library(layer, x, core.from_torch(y, "channels_first"), "timm")


def test_contract():
    check_layer(
        BlockAttention,
        {"window_size": 4, "key_dim": 4},
        others={"key_dim": 8, "dropout": 0.5},
        scores=lambda shape: (shape[0], 2, shape[1] * shape[2], shape[1] * shape[2]),
        rows=("",),
        one_channel=False,
    )


def test_is_window_attention_without_shift():
    x = random_map()
    layer = randomise(built(BlockAttention(4, key_dim=4)))
    other = randomise(built(WindowAttention(4, num_heads=2, mask_padding=True)))
    for one, two in zip(
        layer(x, return_attention_scores=True),
        other(x, return_attention_scores=True),
        strict=True,
    ):
        assert_close(one, two)


def test_a_block_sees_nothing_of_the_others():
    x = random_map((1, 7, 9, 8))
    layer = randomise(built(BlockAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 4, 1] += 1
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    expected = np.zeros((7, 9), bool)
    expected[3:6, 0:3] = True
    assert np.array_equal(changed, expected)


def test_a_constant_map_stays_constant_whatever_its_size():
    x = np.ones((1, 7, 9, 8), "float32")
    y = to_numpy(randomise(built(BlockAttention(4, key_dim=4), x.shape))(x))
    assert_close(y, np.broadcast_to(y[:, :1, :1], y.shape))


@pytest.mark.parametrize("name", ["window_size", "key_dim"])
def test_rejects_numbers_below_one(name):
    message = f"BlockAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        BlockAttention(**{name: 0})


def test_rejects_heads_that_do_not_divide_the_channels():
    message = "BlockAttention 'odd': key_dim must divide 8 channels. Received: key_dim=32"
    with pytest.raises(ValueError, match=message):
        built(BlockAttention(name="odd"))


def test_rejects_a_dropout_of_one():
    with pytest.raises(ValueError, match="BlockAttention: dropout must be in .* dropout=1"):
        BlockAttention(dropout=1)
