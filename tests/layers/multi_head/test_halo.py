import functools

import numpy as np
import pytest

from keras_attention.layers import BottleneckAttention, HaloAttention
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import windows
from tests.torch_oracles import core
from tests.torch_oracles.windows import copy_halo


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    oracle = functools.partial(windows.halo, block_size=4, halo_size=1)
    assert_matches(HaloAttention(4, 1, 2, data_format=data_format), oracle)


@pytest.mark.parametrize("mask_padding", [True, False])
def test_matches_the_paper_with_strides_a_wide_halo_and_other_widths(mask_padding):
    form = {"strides": 2, "mask_padding": mask_padding, "scale_position": False}
    oracle = functools.partial(windows.halo, block_size=2, halo_size=3, **form)
    layer = HaloAttention(2, 3, 2, key_dim=5, filters=6, use_bias=True, **form)
    assert_matches(layer, oracle)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("scale_position", [True, False])
def test_matches_timm(scale_position, strides):
    timm = core.import_oracle("timm.layers.halo_attn")
    options = {"num_heads": 2, "block_size": 4, "halo_size": 1, "dim_head": 4, "stride": strides}
    source = core.seeded(lambda: timm.HaloAttn(16, scale_pos_embed=scale_position, **options))
    x = random_map((2, 8, 12, 16))
    form = {"mask_padding": False, "scale_position": scale_position, "count_queries": True}
    layer = HaloAttention(4, 1, 2, 4, strides=strides, **form)
    copy_halo(source, built(layer, x.shape))
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        HaloAttention,
        {"block_size": 4, "halo_size": 1, "num_heads": 2},
        others={
            "num_heads": 1,
            "key_dim": 3,
            "filters": 6,
            "strides": 2,
            "count_queries": With(True, strides=2),
        },
        scores=lambda shape: (shape[0], 2, 63, 63),
        rows=("",),
        one_channel=False,
    )


def test_shapes_of_the_weights():
    layer = built(HaloAttention(4, 1, 2, key_dim=3, filters=6))
    assert weight_shapes(layer) == {
        "query/kernel": (8, 6),
        "key_value/kernel": (8, 12),
        "height_table": (11, 3),
        "width_table": (11, 3),
    }


def test_what_the_tables_start_from():
    layer = built(HaloAttention(4, 1, 1), (1, 8, 8, 64))
    for table in (layer.height_table, layer.width_table):
        assert to_numpy(table).std() == pytest.approx(1 / 8, rel=0.15)


def test_a_block_that_covers_the_map_is_bottleneck_attention():
    x = random_map()
    halo = randomise(built(HaloAttention(9, 2, 2, use_bias=True)))
    bot = built(BottleneckAttention(2, use_bias=True))
    parts = zip(halo.query.get_weights(), halo.key_value.get_weights(), strict=True)
    bot.qkv.set_weights([np.concatenate(pair, axis=-1) for pair in parts])
    for name, size in (("height_table", 7), ("width_table", 9)):
        table = to_numpy(getattr(halo, name))  # from -12 to 12, and the halo of 2 to add to keys
        getattr(bot, name).assign(table[12 + 2 - (size - 1) : 12 + 2 + size])
    for one, two in zip(
        halo(x, return_attention_scores=True), bot(x, return_attention_scores=True), strict=True
    ):
        assert_close(one, two)


def test_a_query_sees_its_block_and_the_halo_around():
    x = random_map((1, 7, 9, 8))
    layer = randomise(built(HaloAttention(3, 1, 2), x.shape))
    _, scores = layer(x, return_attention_scores=True)
    seen = to_numpy(scores)[0, 0].reshape(7, 9, 7, 9)[4, 1] > 0
    expected = np.zeros((7, 9), bool)
    expected[2:7, 0:4] = True
    assert np.array_equal(seen, expected)


def test_strides_keep_each_second_query():
    x = random_map()
    layer, strided = (
        randomise(built(HaloAttention(4, 1, 2, strides=strides))) for strides in (1, 2)
    )
    assert_close(strided(x), to_numpy(layer(x))[:, ::2, ::2])


def test_unmasked_padding_takes_weight_at_the_border():
    x = np.ones((1, 4, 4, 8), "float32")
    rows = {}
    for mask_padding in (True, False):
        layer = built(HaloAttention(4, 1, 2, mask_padding=mask_padding), x.shape)
        layer.query.kernel.assign(np.zeros((8, 8)))  # all logits are zero: weights are uniform
        y, scores = layer(x, return_attention_scores=True)
        rows[mask_padding] = to_numpy(scores).sum(-1)
        value = to_numpy(layer.key_value.kernel)[:, 8:].sum(0)
        share = 1 if mask_padding else 16 / 36
        assert_close(y, np.broadcast_to(share * value, (1, 4, 4, 8)))
    assert_close(rows[True], np.ones((1, 2, 16)))
    assert_close(rows[False], np.full((1, 2, 16), 16 / 36))


def test_a_constant_map_stays_constant_without_position_terms():
    """Whatever its size: blocks that stick out and the halo see the map only."""
    x = np.ones(SHAPE, "float32")
    layer = randomise(built(HaloAttention(4, 3, 2)))
    layer.height_table.assign(np.zeros((19, 4)))
    layer.width_table.assign(np.zeros((19, 4)))
    y = to_numpy(layer(x))
    assert_close(y, np.broadcast_to(y[:, :1, :1], y.shape))


@pytest.mark.parametrize("name", ["block_size", "num_heads", "key_dim", "filters", "strides"])
def test_rejects_numbers_below_one(name):
    message = f"HaloAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        HaloAttention(**{name: 0})


def test_rejects_negative_halos():
    message = "HaloAttention: halo_size must be an integer >= 0. Received: halo_size=-1"
    with pytest.raises(ValueError, match=message):
        HaloAttention(halo_size=-1)


def test_rejects_strides_that_do_not_divide_the_block():
    message = "HaloAttention: strides must divide 8 pixels of block_size. Received: strides=3"
    with pytest.raises(ValueError, match=message):
        HaloAttention(strides=3)


def test_rejects_heads_that_do_not_divide_the_filters():
    message = "HaloAttention 'odd': num_heads must divide 6 filters. Received: num_heads=8"
    with pytest.raises(ValueError, match=message):
        built(HaloAttention(filters=6, name="odd"))
