import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import AxialAttention
from keras_attention.ops import lines
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
)
from tests.oracles import whole_map


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("mode", ["sequential", "sum"])
def test_matches_the_paper(mode, data_format):
    oracle = functools.partial(whole_map.axial, num_heads=2, mode=mode)
    assert_matches(AxialAttention(2, mode=mode, data_format=data_format), oracle)


def test_matches_the_paper_with_wide_heads_and_biases():
    oracle = functools.partial(whole_map.axial, num_heads=3)
    assert_matches(AxialAttention(3, key_dim=5, use_bias=True), oracle)


@pytest.mark.parametrize("mode", ["sequential", "sum"])
def test_matches_keras(mode):
    x = random_inputs()
    layer = randomise(built(AxialAttention(2, mode=mode, use_bias=True)))
    height, width = keras_attention_along("height", layer), keras_attention_along("width", layer)
    first = height(x, x)
    expected = width(first, first) if mode == "sequential" else first + width(x, x)
    assert_library(layer, x, to_numpy(expected), "Keras")


def keras_attention_along(axis, layer):
    """Keras's own multi-head attention along one axis of a map, with the weights of `layer`."""
    axes = {"height": (1,), "width": (2,)}[axis]
    attention = keras.layers.MultiHeadAttention(2, key_dim=4, attention_axes=axes)
    attention.build(SHAPE, SHAPE)
    (wq, bq), (wkv, bkv), (wo, bo) = (
        getattr(layer, f"{axis}_{part}").get_weights() for part in ("query", "key_value", "out")
    )
    (wk, wv), (bk, bv) = np.split(wkv, 2, axis=1), np.split(bkv, 2)
    weights = [wq, bq, wk, bk, wv, bv, wo, bo]
    shaped = zip(weights, attention.weights, strict=True)
    attention.set_weights([weight.reshape(own.shape) for weight, own in shaped])
    return attention


def test_contract():
    check_layer(
        AxialAttention,
        {"num_heads": 2},
        others={"num_heads": 4, "key_dim": 3, "mode": "sum"},
        scores=lambda shape: dict.fromkeys(("height", "width"), (shape[0], 2, 63, 63)),
        rows=("height", "width"),
        one_channel=False,
    )


@pytest.mark.parametrize("mode", ["sequential", "sum"])
def test_a_pixel_reaches_the_map_or_its_cross(mode):
    x = random_inputs((1, 4, 5, 4))
    layer = randomise(built(AxialAttention(2, mode=mode), x.shape))
    moved = x.copy()
    moved[0, 1, 2] += 1.0
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    expected = np.zeros((4, 5), bool)
    expected[1], expected[:, 2] = True, True
    assert np.array_equal(changed, expected | (mode == "sequential"))


def test_builds_no_matrix_of_all_pairs_unless_scores_are_asked_for(monkeypatch):
    def fail(weights):
        raise AssertionError("dense scores")

    monkeypatch.setattr(lines, "dense_columns", fail)
    monkeypatch.setattr(lines, "dense_rows", fail)
    layer, x = AxialAttention(2), random_inputs()
    layer(x)
    with pytest.raises(AssertionError, match="dense scores"):
        layer(x, return_attention_scores=True)


def test_permuted_rows_and_columns_give_the_permuted_output():
    x, rng = random_inputs((1, 4, 5, 4)), np.random.default_rng(0)
    layer = randomise(built(AxialAttention(2), x.shape))
    place = np.ix_([0], rng.permutation(4), rng.permutation(5), range(4))
    assert_close(layer(x[place]), to_numpy(layer(x))[place])


def test_exchanging_the_axes_exchanges_the_weights():
    x = random_inputs((1, 4, 5, 4))
    layer = randomise(built(AxialAttention(2, mode="sum"), x.shape))
    other = built(AxialAttention(2, mode="sum"), (1, 5, 4, 4))
    for part in ("query", "key_value", "out"):
        height, width = getattr(layer, f"height_{part}"), getattr(layer, f"width_{part}")
        getattr(other, f"height_{part}").set_weights(width.get_weights())
        getattr(other, f"width_{part}").set_weights(height.get_weights())
    assert_close(other(np.swapaxes(x, 1, 2)), np.swapaxes(to_numpy(layer(x)), 1, 2))


def test_rejects_heads_that_do_not_divide_the_channels():
    message = "num_heads must divide the 6 channels, or key_dim be given. Received: num_heads=4"
    with pytest.raises(ValueError, match=message):
        built(AxialAttention(4, name="odd"), (1, 4, 4, 6))
    built(AxialAttention(4, key_dim=3), (1, 4, 4, 6))


def test_rejects_unknown_modes():
    with pytest.raises(ValueError, match="mode must be one of .*'sum'.* Received: mode='sums'"):
        AxialAttention(mode="sums")


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
def test_rejects_numbers_below_one(name):
    message = f"AxialAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        AxialAttention(**{name: 0})
