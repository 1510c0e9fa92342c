import functools

import numpy as np
import pytest

from keras_attention.layers import DeformableAttention2D
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
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("num_heads, num_points", [(2, 3), (4, 1)])
def test_matches_the_paper(num_heads, num_points, data_format):
    oracle = functools.partial(whole_map.deformable, num_heads=num_heads, num_points=num_points)
    layer = DeformableAttention2D(num_heads, num_points, data_format=data_format)
    assert_matches(layer, oracle)


@pytest.mark.parametrize("scale", [0.5, 3.0])  # 3: most places are outside the map
def test_matches_grid_sample(scale):
    core.import_oracle("torch")
    x = random_inputs()
    layer = randomise(built(DeformableAttention2D(2, 3)), scale=scale)
    assert_library(layer, x, torch_oracles.deformable(x, layer), "torch")


def test_contract():
    check_layer(
        DeformableAttention2D,
        {"num_heads": 2, "num_points": 3},
        scores=lambda shape: (shape[0], 2, 63, 3),
        rows=("",),
        one_channel=False,
        others={"num_heads": 4},
    )


def test_with_zero_offsets_each_position_looks_at_itself():
    x = random_inputs()
    layer = randomise(built(DeformableAttention2D(2, 3)))
    for weight in layer.offsets.weights:
        weight.assign(np.zeros(weight.shape))
    assert_close(layer(x), to_numpy(layer.out(layer.value(x))))


def test_offsets_are_pairs_of_right_and_down():
    x = random_inputs()
    layer = randomise(built(DeformableAttention2D(1, 1)))
    layer.offsets.set_weights([np.zeros((8, 2)), np.array([2.0, -1.0])])  # two to the right, one up
    value = np.zeros_like(x)
    value[:, 1:, :-2] = to_numpy(layer.value(x))[:, :-1, 2:]
    assert_close(layer(x), to_numpy(layer.out(value)))


def test_starts_as_a_ring_with_uniform_weights():
    layer = built(DeformableAttention2D(4, 2), (1, 5, 5, 8))
    offsets = to_numpy(layer.offsets.bias).reshape(4, 2, 2)
    ring = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    assert_close(offsets, np.stack([ring, 2 * ring], axis=1), 1e-6)
    eighth = to_numpy(built(DeformableAttention2D(8, 1), (1, 5, 5, 8)).offsets.bias)[2:4]
    assert_close(eighth, np.ones(2), 1e-6)  # of the diagonal, the larger coordinate is 1
    _, scores = layer(random_inputs((1, 5, 5, 8)), return_attention_scores=True)
    assert_close(scores, np.full((1, 4, 25, 2), 0.5))


def test_places_far_outside_give_zero():
    x = random_inputs()
    layer = randomise(built(DeformableAttention2D(2, 3)))
    layer.offsets.bias.assign(np.full(12, 1e30))
    assert_close(layer(x), np.broadcast_to(to_numpy(layer.out.bias), x.shape), 1e-6)


def test_layout_of_the_weights():
    shapes = weight_shapes(built(DeformableAttention2D(2, 3)))
    assert shapes["offsets/kernel"] == (8, 12) and shapes["attention_logits/kernel"] == (8, 6)
    assert shapes["value/kernel"] == shapes["out/kernel"] == (8, 8)


def test_rejects_heads_that_do_not_divide_the_channels():
    message = "num_heads must divide the 6 channels. Received: num_heads=4"
    with pytest.raises(ValueError, match=message):
        built(DeformableAttention2D(4), (1, 4, 4, 6))


@pytest.mark.parametrize("name", ["num_heads", "num_points"])
def test_rejects_numbers_below_one(name):
    message = f"DeformableAttention2D: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        DeformableAttention2D(**{name: 0})
