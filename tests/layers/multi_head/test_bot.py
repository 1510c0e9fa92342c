import functools

import numpy as np
import pytest

from keras_attention import layers
from keras_attention.layers import BottleneckAttention
from tests.helpers import check_layer
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
from tests.torch_oracles.windows import copy_bottleneck


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    assert_matches(BottleneckAttention(2, data_format=data_format), windows.bottleneck)


def test_matches_the_paper_with_other_widths_and_the_mean_of_odd_sides():
    oracle = functools.partial(windows.bottleneck, strides=2, scale_position=False)
    layer = BottleneckAttention(2, 5, 6, strides=2, scale_position=False, use_bias=True)
    assert_matches(layer, oracle)


@pytest.mark.parametrize("strides, scale_position", [(1, True), (2, False)])
def test_matches_timm(strides, scale_position):
    timm = core.import_oracle("timm.layers.bottleneck_attn")
    source = core.seeded(
        lambda: timm.BottleneckAttn(
            16,
            feat_size=(6, 8),
            stride=strides,
            num_heads=2,
            qkv_bias=True,
            scale_pos_embed=scale_position,
        )
    )
    core.randomize(source)
    x = random_map((2, 6, 8, 16))
    layer = BottleneckAttention(2, strides=strides, scale_position=scale_position, use_bias=True)
    copy_bottleneck(source, built(layer, x.shape))
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        BottleneckAttention,
        {"num_heads": 2},
        others={"num_heads": 1, "key_dim": 3, "filters": 6},
        scores=lambda shape: (shape[0], 2, 63, 63),
        rows=("",),
        dynamic=False,
        one_channel=False,
    )


def test_shapes_of_the_weights():
    shapes = weight_shapes(built(BottleneckAttention(2, key_dim=3, filters=6)))
    assert shapes == {
        "qkv/kernel": (8, 2 * 3 + 2 * 3 + 6),
        "height_table": (13, 3),
        "width_table": (17, 3),
    }


def test_what_the_weights_start_from():
    layer = built(BottleneckAttention(1), (1, 7, 9, 64))
    kernel, down, right = map(to_numpy, (layer.qkv.kernel, layer.height_table, layer.width_table))
    assert kernel.std() == pytest.approx(0.88 / 8, rel=0.05)  # 64^-1/2, truncated at twice that
    assert down.std() == pytest.approx(1 / 8, rel=0.15)
    assert right.std() == pytest.approx(1 / 8, rel=0.15)


def test_the_first_row_of_a_table_is_for_keys_farthest_above():
    """Offsets count from the query to the key: minus six rows comes first, plus six last."""
    layer = built(BottleneckAttention(1, key_dim=8))
    kernel = np.zeros((8, 24), "float32")
    kernel[:, :8] = np.eye(8)  # queries as they are, keys and values of zero
    layer.qkv.set_weights([kernel])
    layer.width_table.assign(np.zeros((17, 8)))
    table = np.zeros((13, 8))
    table[0] = 50
    layer.height_table.assign(table)
    _, scores = layer(np.ones(SHAPE, "float32"), return_attention_scores=True)
    scores = to_numpy(scores)[0, 0].reshape(7, 9, 7, 9)
    assert_close(scores[6, :, 0].sum(-1), np.ones(9))  # only there is a key six rows above
    assert_close(scores[:6], np.full((6, 9, 7, 9), 1 / 63))


def test_without_position_terms_the_order_of_positions_does_not_matter():
    x, rng = random_map(), np.random.default_rng(0)
    layer = randomise(built(BottleneckAttention(2)))
    place = np.ix_(range(2), rng.permutation(7), range(9), range(8))
    assert np.abs(to_numpy(layer(x[place])) - to_numpy(layer(x))[place]).max() > 0.1
    layer.height_table.assign(np.zeros((13, 4)))
    assert_close(layer(x[place]), to_numpy(layer(x))[place])


def test_aliases():
    assert isinstance(layers.get("bottleneck", num_heads=2), BottleneckAttention)


@pytest.mark.parametrize("name", ["num_heads", "key_dim", "filters", "strides"])
def test_rejects_numbers_below_one(name):
    message = f"BottleneckAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        BottleneckAttention(**{name: 0})


def test_rejects_heads_that_do_not_divide_the_filters():
    message = "BottleneckAttention 'odd': num_heads must divide 6 filters. Received: num_heads=4"
    with pytest.raises(ValueError, match=message):
        built(BottleneckAttention(filters=6, name="odd"))


def test_rejects_unknown_sizes_and_others_than_it_was_built_for():
    message = "needs a fixed height and width. Received: input_shape=.None, None, 9, 8."
    with pytest.raises(ValueError, match=message):
        BottleneckAttention().build((None, None, 9, 8))
    layer = built(BottleneckAttention(2))
    with pytest.raises(ValueError, match="expected shape=.None, 7, 9, 8., found shape=.2, 9, 7, 8"):
        layer(random_map((2, 9, 7, 8)))
