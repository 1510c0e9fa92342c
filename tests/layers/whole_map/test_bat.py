import functools

import numpy as np
import pytest

from keras_attention.layers import BilinearAttentionTransform
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles

# Blocks of one position and of several, blocks that stick out, and some with nothing in them.
WAYS = [
    ((2, 7, 14, 8), {}),
    ((2, 6, 9, 12), {"num_blocks": 3, "groups": 3}),
    ((2, 7, 9, 8), {"num_blocks": 4, "reduction": 2}),
    ((2, 5, 11, 8), {"num_blocks": 8, "hidden": 6}),
    ((2, 10, 4, 8), {"num_blocks": 3, "groups": 1, "hidden": 5}),
]


def oracle_of(layer):
    return functools.partial(whole_map.bilinear, num_blocks=layer.num_blocks, groups=layer.groups)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize(("shape", "options"), WAYS, ids=str)
def test_matches_the_paper(shape, options, data_format):
    layer = BilinearAttentionTransform(data_format=data_format, **options)
    assert_matches(layer, oracle_of(layer), shape, scale=1.5)  # or the input hides what is added


# timm rounds the width to a multiple of 8, and needs multiples of its blocks.
@pytest.mark.parametrize(
    ("shape", "theirs", "ours"),
    [
        ((2, 14, 21, 32), {}, {}),
        (
            (2, 16, 8, 24),
            {"block_size": 8, "groups": 4, "rd_channels": 12},
            {"num_blocks": 8, "groups": 4, "hidden": 12},
        ),
    ],
    ids=["defaults", "others"],
)
def test_matches_timm(shape, theirs, ours):
    timm = core.import_oracle("timm.layers.non_local_attn")
    source = core.seeded(lambda: timm.BatNonLocalAttn(shape[-1], **theirs))
    core.randomize(source)
    for part in (source, source.ba):
        for name in ("conv1", "conv2"):  # or the input hides what is added to it
            getattr(part, name).conv.weight.data *= 4
    source.ba.conv_p.weight.data *= 4
    source.ba.conv_q.weight.data *= 4
    x = random_inputs(shape)
    layer = built(BilinearAttentionTransform(**ours), shape)
    torch_oracles.copy_bilinear(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        BilinearAttentionTransform,
        {"num_blocks": 4},
        others={"reduction": 2, "groups": 4, "hidden": 6},
        together={"num_blocks": 3, "groups": 3, "reduction": 2, "hidden": 6, "dropout": 0.1},
        scores=lambda shape: (shape[0], 2, 63, 63),
        rows=("",),
        weight_scale=1.0,
    )


def test_a_position_sees_its_place_in_the_other_blocks():
    layer = randomise(built(BilinearAttentionTransform(2), (1, 4, 5, 8)))
    _, scores = layer(random_map((1, 4, 5, 8)), return_attention_scores=True)
    seen = to_numpy(scores)[0, 0].reshape(4, 5, 4, 5) > 0
    found = {
        query: [tuple(map(int, key)) for key in np.argwhere(seen[query])]
        for query in ((0, 0), (3, 2), (1, 4))
    }
    assert found == {
        (0, 0): [(0, 0), (0, 3), (2, 0), (2, 3)],
        (3, 2): [(1, 2), (3, 2)],  # the other block sticks out here
        (1, 4): [(1, 1), (1, 4), (3, 1), (3, 4)],
    }


def test_a_block_without_positions_is_no_matter():
    x = random_map((1, 4, 3, 8))
    small, large = (
        randomise(built(BilinearAttentionTransform(n), x.shape), scale=1.5) for n in (4, 6)
    )
    groups = 2
    for name in ("rows", "columns"):
        one, other = getattr(small, name), getattr(large, name)
        kernel = to_numpy(other.kernel).reshape(6, groups, groups, 6, 6)
        one.kernel.assign(kernel[:4, :, :, :4, :4].reshape(8, 32))
        one.bias.assign(to_numpy(other.bias).reshape(groups, 6, 6)[:, :4, :4].reshape(32))
    for one, other in zip(
        small(x, return_attention_scores=True), large(x, return_attention_scores=True), strict=True
    ):
        assert_close(one, other)


@pytest.mark.parametrize("shape", [(1, 7, 14, 8), (1, 9, 10, 8)], ids=str)
def test_gates_that_are_shut_still_share(shape):
    x = random_map(shape)
    layer = randomise(built(BilinearAttentionTransform(), shape))
    for project in (layer.rows, layer.columns):
        project.kernel.assign(0 * project.kernel)
        project.bias.assign(0 * project.bias - 1000)  # whose sigmoid is 0 in float32
    y, scores = layer(x, return_attention_scores=True)
    assert np.isfinite(to_numpy(y)).all()
    shares = to_numpy(scores)[0, 0, 0]
    assert_close(shares[shares > 0], np.full((shares > 0).sum(), 1 / (shares > 0).sum()), 1e-6)


def test_whole_channels_are_left_out_in_training():
    x = random_map((8, 7, 7, 16))
    layer = randomise(built(BilinearAttentionTransform(dropout=0.5), x.shape))
    added = to_numpy(layer(x, training=True)) - x
    some = (np.abs(added) > 1e-6).mean((1, 2))  # the share of positions
    still = BilinearAttentionTransform(dropout=0)
    randomise(built(still, x.shape))
    expected = (to_numpy(still(x, training=True)) - x) / 0.5
    left_out = np.abs(added).max((1, 2)) < 1e-6
    assert 0.3 < left_out.mean() < 0.8 and some.max() > 0.3
    assert_close(added, np.where(left_out[:, None, None], 0, expected), 1e-4)


def test_training_moves_the_averages_by_a_tenth():
    x, layer = random_map(), randomise(built(BilinearAttentionTransform()))
    before = weight_values(layer)
    layer(x, training=True)
    z = (x @ before["squeeze/kernel"]).reshape(-1, 2)
    for part, new in {"mean": z.mean(0), "variance": z.var(0)}.items():
        path = f"squeeze_norm/moving_{part}"
        assert_close(weight_values(layer)[path], 0.9 * before[path] + 0.1 * new, what=path)


def test_widths():
    def shapes(channels, **options):
        return weight_shapes(built(BilinearAttentionTransform(**options), (1, 7, 7, channels)))

    assert shapes(64)["squeeze/kernel"] == (64, 16)
    assert shapes(64)["mix/kernel"] == (16, 16) and shapes(64)["expand/kernel"] == (16, 64)
    assert shapes(64)["rows/kernel"] == shapes(64)["columns/kernel"] == (14, 98)
    assert shapes(64, groups=3)["squeeze/kernel"] == (64, 15)
    assert shapes(4, groups=3)["squeeze/kernel"] == (4, 3)
    assert shapes(64, reduction=2, num_blocks=3)["squeeze/kernel"] == (64, 32)
    assert shapes(64, hidden=6, groups=3)["describe/kernel"] == (6, 3)


@pytest.mark.parametrize("name", ["num_blocks", "groups", "reduction", "hidden"])
def test_rejects_numbers_below_one(name):
    message = f"BilinearAttentionTransform: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        BilinearAttentionTransform(**{name: 0})


def test_rejects_groups_that_do_not_divide_the_width():
    message = "groups must divide 7 hidden channels. Received: groups=2"
    with pytest.raises(ValueError, match=message):
        BilinearAttentionTransform(hidden=7)


def test_rejects_what_is_no_rate():
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\). Received: dropout=1"):
        BilinearAttentionTransform(dropout=1)
