import functools

import numpy as np
import pytest

from keras_attention.layers import GridCRFAttention
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import random_fields
from tests.oracles.maths import sigmoid

SHAPE = (2, 3, 5, 4)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("output", ["gate", "pool", "marginals"])
@pytest.mark.parametrize("num_states", [2, 3])
def test_matches_the_updates_site_by_site(num_states, output, data_format):
    layer = GridCRFAttention(num_states, output=output, data_format=data_format)
    assert_matches(layer, functools.partial(random_fields.grid_crf, output=output), SHAPE)


@pytest.mark.parametrize(
    "options", [{"damping": 0.3}, {"iterations": 1}, {"shared": True, "iterations": 2}], ids=str
)
def test_matches_with_other_updates(options):
    settings = {key: value for key, value in options.items() if key != "shared"}
    oracle = functools.partial(random_fields.grid_crf, **settings)
    assert_matches(GridCRFAttention(**options), oracle, SHAPE)


IDENTITY = {"identity_init": With(True, output="gate")}


def test_contract():
    check_layer(
        GridCRFAttention,
        {"iterations": 2},
        others={"output": "pool", **IDENTITY},
        shape=SHAPE,
        together={"output": "pool", "num_states": 3},
    )


def test_contract_of_marginals():
    check_layer(
        GridCRFAttention,
        {"iterations": 2, "num_states": 3, "output": "marginals"},
        others={"output": "pool", **IDENTITY},
        shape=SHAPE,
        output=lambda shape: (*shape[:-1], 3),
        gate=False,
        together={"output": "pool"},
    )


def test_starts_as_sigmoid_attention():
    layer, x = built(GridCRFAttention(), SHAPE), random_map(SHAPE)
    u = to_numpy(layer.unary(x))
    assert_close(layer(x), x * sigmoid(u[..., 1:] - u[..., :1]))


def test_sharing_takes_one_matrix():
    shapes = weight_shapes(built(GridCRFAttention(shared=True), SHAPE))
    assert "down" not in shapes
    assert shapes["right"] == (2, 2)


@pytest.mark.parametrize("size", [(1, 1, 1, 4), (1, 1, 5, 4), (1, 4, 1, 4)], ids=str)
def test_maps_one_pixel_wide(size):
    assert_matches(GridCRFAttention(), random_fields.grid_crf, size)


def test_pooling_is_the_sum_of_the_gate():
    x = random_map(SHAPE)
    gate = randomise(built(GridCRFAttention(), SHAPE))(x)
    pooled = randomise(built(GridCRFAttention(output="pool"), SHAPE))(x)
    assert_close(pooled, np.sum(to_numpy(gate), axis=(1, 2)), 1e-5 * 15)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_states": 1}, "num_states must be an integer >= 2. Received: num_states=1"),
        ({"iterations": 0}, "iterations must be an integer >= 1. Received: iterations=0"),
        ({"damping": 1}, r"damping must be in \[0, 1\). Received: damping=1"),
        ({"output": "marginal"}, "Did you mean 'marginals'. Received: output='marginal'"),
        ({"output": "pool", "identity_init": True}, "cannot start as the identity"),
    ],
    ids=str,
)
def test_rejects_options(options, message):
    with pytest.raises(ValueError, match=f"GridCRFAttention.*{message}"):
        GridCRFAttention(**options)
