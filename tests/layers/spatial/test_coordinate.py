import functools

import numpy as np
import pytest

from keras_attention.layers import CoordinateAttention
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
@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_the_paper(data_format, use_bias):
    layer = CoordinateAttention(use_bias=use_bias, data_format=data_format)
    assert_matches(layer, mixed_gates.coordinate)


def test_matches_the_paper_with_another_activation():
    oracle = functools.partial(mixed_gates.coordinate, activation=maths.relu)
    assert_matches(CoordinateAttention(hidden=3, activation="relu"), oracle)


@pytest.mark.parametrize("use_bias", [True, False])
def test_matches_timm(use_bias):
    timm = core.import_oracle("timm.layers.coord_attn")
    source = timm.CoordAttn(32, rd_channels=8, bias=use_bias)
    core.randomize(source)
    x = random_map((2, 7, 9, 32))
    layer = built(CoordinateAttention(use_bias=use_bias), x.shape)
    spatial.copy_coordinate(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        CoordinateAttention,
        {"reduction": 2, "min_hidden": 2},
        others={"hidden": 5, "activation": "relu"},
        gate=False,
        zero_gradients=("squeeze/bias",),
    )


def test_one_normalisation_sees_both_strips():
    x, layer = random_map(), randomise(built(CoordinateAttention()))
    weights = weight_values(layer)
    strips = np.concatenate([x.mean(2), x.mean(1)], axis=1).astype("float64")
    z = maths.dense(strips, weights, "squeeze").reshape(-1, 8)
    batch = {"norm/moving_mean": z.mean(0), "norm/moving_variance": z.var(0)}
    expected, _ = mixed_gates.coordinate(x, {**weights, **batch})
    assert_close(layer(x, training=True), expected)
    after = weight_values(layer)
    for name, new in batch.items():
        assert_close(after[name], 0.9 * weights[name] + 0.1 * new, what=name)


def test_height_and_width_play_one_part():
    """On the transposed map, with their weights exchanged, the output is the transposed one."""
    x = random_map()
    layer, other = (randomise(built(CoordinateAttention())) for _ in range(2))
    other.height.set_weights(layer.width.get_weights())
    other.width.set_weights(layer.height.get_weights())
    assert_close(other(x.swapaxes(1, 2)), to_numpy(layer(x)).swapaxes(1, 2))


def test_width_of_the_hidden_layer():
    def width(channels, **options):
        layer = built(CoordinateAttention(**options), (1, 4, 4, channels))
        return weight_shapes(layer)["squeeze/bias"]

    assert width(64) == (8,)
    assert width(512) == (16,)
    assert width(64, reduction=5, min_hidden=3) == (12,)
    assert width(64, reduction=5, hidden=7) == (7,)


@pytest.mark.parametrize("options", [{"reduction": 0}, {"min_hidden": 0}, {"hidden": 0}], ids=str)
def test_rejects_widths_below_one(options):
    ((name, value),) = options.items()
    message = f"CoordinateAttention: {name} must be an integer >= 1. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        CoordinateAttention(**options)
