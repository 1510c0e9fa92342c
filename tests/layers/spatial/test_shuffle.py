import functools

import numpy as np
import pytest

from keras_attention.layers import ShuffleAttention
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
    weight_shapes,
    weight_values,
)
from tests.oracles import maths, mixed_gates
from tests.torch_oracles import core, spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_matches_the_paper(data_format, groups):
    layer = ShuffleAttention(groups, data_format=data_format)
    assert_matches(layer, functools.partial(mixed_gates.shuffle, groups=groups))


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(mixed_gates.shuffle, groups=2, epsilon=0.5)
    assert_matches(ShuffleAttention(2, epsilon=0.5), oracle)


@pytest.mark.parametrize("groups", [1, 2])
def test_matches_the_authors_code(groups):
    core.import_oracle("torch")
    x, layer = random_map(), randomise(built(ShuffleAttention(groups)))
    weights = {path: value.astype("float32") for path, value in weight_values(layer).items()}
    assert_library(layer, x, spatial.shuffle(x, weights, groups), "torch")


def test_contract():
    check_layer(
        ShuffleAttention,
        {"groups": 2},
        others={"groups": 1, "epsilon": 0.5},
        gate=False,
        one_channel=False,
    )


def test_starts_as_the_shuffled_map_at_one_factor():
    x = random_map()
    y = to_numpy(ShuffleAttention(2)(x))
    order = [0, 4, 1, 5, 2, 6, 3, 7]  # the halves of the channels take turns
    assert_close(y, x[..., order] * maths.sigmoid(1))


def test_groups_share_their_weights():
    assert weight_shapes(built(ShuffleAttention(2), (1, 4, 4, 24))) == {
        "channel_scale": (6,),
        "channel_shift": (6,),
        "space_scale": (6,),
        "space_shift": (6,),
        "norm/gamma": (6,),
        "norm/beta": (6,),
    }


def test_images_and_groups_do_not_mix():
    """Another image, or other channels of another group, change no other output."""
    x, layer = random_map(), randomise(built(ShuffleAttention(2)))
    changed = x.copy()
    changed[1] += 1
    changed[0, ..., 4:] *= 2
    y, other = to_numpy(layer(x)), to_numpy(layer(changed))
    mine = [0, 2, 4, 6]  # where the first group's channels are after the shuffle
    assert np.array_equal(y[0][..., mine], other[0][..., mine])
    assert np.abs(y - other)[0][..., 1::2].max() > 0.1


@pytest.mark.parametrize(("groups", "channels"), [(64, 64), (2, 6), (3, 8)])
def test_rejects_channels_that_do_not_divide(groups, channels):
    layer = ShuffleAttention(groups, name="mistaken")
    message = (
        r"ShuffleAttention 'mistaken' needs channels that divide by 2 \* groups. "
        f"Received: groups={groups}, channels={channels}"
    )
    with pytest.raises(ValueError, match=message):
        layer(random_map((1, 2, 2, channels)))


def test_rejects_groups_below_one():
    message = "ShuffleAttention: groups must be an integer >= 1. Received: groups=0"
    with pytest.raises(ValueError, match=message):
        ShuffleAttention(0)
