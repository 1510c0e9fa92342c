import functools

import numpy as np
import pytest

from keras_attention.layers import ExternalAttention
from tests.contract import masks
from tests.helpers import CHECKS, Case, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import whole_map


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("shape", [SHAPE, (2, 9, 8)], ids=len)
def test_matches_the_paper(shape, data_format):
    layer = ExternalAttention(memory_size=5, data_format=data_format)
    assert_matches(layer, whole_map.external, shape)


def test_matches_the_paper_with_an_epsilon_that_counts():
    oracle = functools.partial(whole_map.external, epsilon=0.5)
    assert_matches(ExternalAttention(memory_size=5, epsilon=0.5), oracle)


def test_contract_on_maps():
    case = Case(
        ExternalAttention,
        {"memory_size": 5},
        others={"epsilon": 0.1},
        scores=lambda shape: (shape[0], 1, 63, 5),
        rows=("",),
    )
    for check in set(CHECKS) - {masks.masks}:  # on tokens, and on maps further down
        check(case)


def test_contract_on_tokens():
    check_layer(
        ExternalAttention,
        {"memory_size": 5},
        others={"epsilon": 0.1},
        shape=(2, 9, 8),
        scores=lambda shape: (shape[0], 1, 9, 5),
        rows=("",),
        mask=0,
    )


def test_permuted_tokens_give_the_permuted_output():
    x, order = random_inputs((2, 9, 8)), np.random.default_rng(0).permutation(9)
    layer = randomise(built(ExternalAttention(5), x.shape))
    assert_close(layer(x[:, order]), to_numpy(layer(x))[:, order])


def test_masked_positions_of_a_map_take_no_part():
    x, keep = random_inputs((2, 3, 4, 8)), np.ones((2, 12), bool)
    keep[:, 8:] = False  # the last row
    layer = randomise(built(ExternalAttention(5), x.shape))
    y, scores = layer(x, mask=keep, return_attention_scores=True)
    expected, expected_scores = whole_map.external(x[:, :2], weight_values(layer))
    assert_close(to_numpy(y)[:, :2], expected)
    assert_close(to_numpy(scores)[:, :, :8], expected_scores)
    assert not to_numpy(y)[:, 2].any() and not to_numpy(scores)[:, :, 8:].any()


def test_the_memories_start_as_in_the_authors_code():
    layer = built(ExternalAttention(200), (1, 2, 50))
    for weight in layer.weights:
        assert abs(to_numpy(weight).std() / 0.1 - 1) < 0.05
    key, value = (to_numpy(weight).ravel() for weight in layer.weights)
    assert not np.array_equal(key, value)


def test_rejects_a_memory_below_one():
    message = "ExternalAttention: memory_size must be an integer >= 1. Received: memory_size=0"
    with pytest.raises(ValueError, match=message):
        ExternalAttention(0)


@pytest.mark.parametrize("epsilon", [0, -1.0, "1"])
def test_rejects_an_epsilon_that_is_not_positive(epsilon):
    with pytest.raises(ValueError, match=f"epsilon must be above 0. Received: epsilon={epsilon!r}"):
        ExternalAttention(epsilon=epsilon)


def test_rejects_a_mask_of_another_shape():
    with pytest.raises(ValueError, match=r"= \(2, 63\). Received: mask of shape \(2, 7, 9\)"):
        ExternalAttention()(random_inputs(), mask=np.ones((2, 7, 9), bool))
