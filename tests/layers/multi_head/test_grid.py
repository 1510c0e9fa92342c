import functools

import numpy as np
import pytest

from keras_attention.layers import BlockAttention, GridAttention
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
    oracle = functools.partial(windows.grid, grid_size=4)
    assert_matches(GridAttention(4, key_dim=4, data_format=data_format), oracle)


def test_matches_the_paper_without_biases():
    oracle = functools.partial(windows.grid, grid_size=3, num_heads=4)
    assert_matches(GridAttention(3, key_dim=2, use_bias=False), oracle)


def test_matches_timm():
    timm = core.import_oracle("timm.models.maxxvit")
    bias = functools.partial(core.import_oracle("timm.layers").RelPosBias, window_size=(3, 3))
    source = core.seeded(lambda: timm.AttentionCl(16, dim_head=8, rel_pos_cls=bias))
    core.randomize(source)
    x = random_map((2, 6, 9, 16))
    layer = built(GridAttention(3, key_dim=8), x.shape)
    copy_partition(source, layer)
    parts = timm.grid_partition(core.to_torch(x, "channels_first"), [3, 3])
    y = timm.grid_reverse(source.eval()(parts), [3, 3], [6, 9])
    assert_library(layer, x, core.from_torch(y, "channels_first"), "timm")


def test_contract():
    check_layer(
        GridAttention,
        {"grid_size": 4, "key_dim": 4},
        others={"key_dim": 8, "dropout": 0.5},
        scores=lambda shape: (shape[0], 2, shape[1] * shape[2], shape[1] * shape[2]),
        rows=("",),
        one_channel=False,
    )


def test_a_group_reaches_over_the_map_and_sees_nothing_of_the_others():
    """Of 6 x 6 positions in groups of 3 x 3 the first has rows and columns 0, 2, 4."""
    x = random_map((1, 6, 6, 8))
    layer = randomise(built(GridAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 2, 0] += 1
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    expected = np.zeros((6, 6), bool)
    expected[::2, ::2] = True
    assert np.array_equal(changed, expected)


def test_is_block_attention_of_the_regrouped_map():
    x = random_map((1, 6, 6, 8))
    order = [0, 2, 4, 1, 3, 5]
    place = np.ix_([0], order, order, range(8))
    grid, block = GridAttention(3, key_dim=4), BlockAttention(3, key_dim=4)
    grid, block = randomise(built(grid, x.shape)), randomise(built(block, x.shape))
    assert_close(block(x[place]), to_numpy(grid(x))[place])


def test_with_block_attention_before_it_each_position_reaches_all():
    x = random_map((1, 6, 6, 4))
    block = randomise(built(BlockAttention(3, key_dim=4), x.shape))
    grid = randomise(built(GridAttention(3, key_dim=4), x.shape))
    moved = x.copy()
    moved[0, 1, 5] += 1
    changed = np.abs(to_numpy(grid(block(moved))) - to_numpy(grid(block(x)))).max(-1)
    assert (changed > 1e-7).all()


def test_a_constant_map_stays_constant_whatever_its_size():
    x = np.ones((1, 7, 9, 8), "float32")
    y = to_numpy(randomise(built(GridAttention(4, key_dim=4), x.shape))(x))
    assert_close(y, np.broadcast_to(y[:, :1, :1], y.shape))


@pytest.mark.parametrize("name", ["grid_size", "key_dim"])
def test_rejects_numbers_below_one(name):
    message = f"GridAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        GridAttention(**{name: 0})


def test_rejects_heads_that_do_not_divide_the_channels():
    message = "GridAttention 'odd': key_dim must divide 8 channels. Received: key_dim=32"
    with pytest.raises(ValueError, match=message):
        built(GridAttention(name="odd"))


def test_rejects_a_dropout_of_one():
    with pytest.raises(ValueError, match="GridAttention: dropout must be in .* dropout=1"):
        GridAttention(dropout=1)
