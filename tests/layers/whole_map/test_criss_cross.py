import functools

import numpy as np
import pytest

from keras_attention.layers import CrissCrossAttention
from keras_attention.ops import lines
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
    weight_values,
)
from tests.layers.whole_map.branch import assert_whole_branch_matches
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles


def cross(height, width):
    """(N, N): whether two positions share a row or a column."""
    row, column = np.divmod(np.arange(height * width), width)
    return (row[:, None] == row) | (column[:, None] == column)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("recurrence", [1, 2])
def test_matches_the_paper(recurrence, data_format):
    oracle = functools.partial(whole_map.criss_cross, recurrence=recurrence)
    layer = CrissCrossAttention(2, recurrence, data_format=data_format)
    assert_matches(layer, oracle, scale=0.3)


def test_matches_the_paper_with_the_whole_branch():
    assert_whole_branch_matches(CrissCrossAttention(2), whole_map.criss_cross, random_inputs())


def test_matches_full_attention_of_torch_behind_a_mask():
    core.import_oracle("torch")
    x = random_inputs()
    layer = randomise(built(CrissCrossAttention(2, recurrence=1)))
    visible = cross(*x.shape[1:3])
    assert_library(layer, x, torch_oracles.masked_attention(x, layer, visible), "torch")


def test_contract():
    check_layer(
        CrissCrossAttention,
        {"reduction": 2},
        scores=lambda shape: (shape[0], 1, 63, 63),
        rows=("",),
        zero_gradients=("key/bias",),
        weight_scale=0.3,
    )


@pytest.mark.parametrize("recurrence", [1, 2, 3])
def test_two_passes_reach_every_pixel_and_one_does_not(recurrence):
    x, (height, width) = random_inputs((1, 4, 5, 4)), (4, 5)
    layer = randomise(built(CrissCrossAttention(2, recurrence), x.shape))
    moved = x.copy()
    moved[0, 1, 2] += 1.0
    changed = np.abs(to_numpy(layer(moved)) - to_numpy(layer(x))).max(-1)[0] > 1e-6
    reached = cross(height, width)[1 * width + 2].reshape(height, width)
    assert np.array_equal(changed, reached if recurrence == 1 else np.ones_like(reached))


def test_scores_are_zero_off_the_cross_and_the_own_position_counts_once():
    x = random_inputs((2, 3, 4, 4))
    layer = built(CrissCrossAttention(2, recurrence=1), x.shape)
    for weight in layer.query.weights:
        weight.assign(np.zeros(weight.shape))  # so all that is visible has the same weight
    _, scores = layer(x, return_attention_scores=True)
    expected = cross(3, 4) / (3 + 4 - 1)
    assert_close(scores, np.broadcast_to(expected, (2, 1, 12, 12)))


def test_builds_no_matrix_of_all_pairs_unless_scores_are_asked_for(monkeypatch):
    def fail(weights):
        raise AssertionError("dense scores")

    monkeypatch.setattr(lines, "dense_columns", fail)
    monkeypatch.setattr(lines, "dense_rows", fail)
    layer, x = CrissCrossAttention(2), random_inputs()
    layer(x)
    with pytest.raises(AssertionError, match="dense scores"):
        layer(x, return_attention_scores=True)


def test_on_a_single_row_it_is_attention_to_all():
    x = random_inputs((2, 1, 6, 4))
    layer = randomise(built(CrissCrossAttention(2, recurrence=1), x.shape))
    expected, scores = whole_map.position(x, weight_values(layer))
    y, found = layer(x, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(found, scores)


@pytest.mark.parametrize("name", ["reduction", "recurrence"])
def test_rejects_numbers_below_one(name):
    message = f"CrissCrossAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        CrissCrossAttention(**{name: 0})
