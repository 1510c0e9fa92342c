import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.layers import TokenMerging
from tests.helpers import check_layer
from tests.layers.tools import (
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    random_inputs,
    random_map,
    to_numpy,
)
from tests.oracles import tokens
from tests.torch_oracles import core
from tests.torch_oracles.tokens import merge_tokens

TOKENS = (2, 9, 6)


def with_sizes(shape=TOKENS, width=4, seed=0):
    """Tokens, another metric, and sizes from one to five."""
    x, metric = random_inputs([shape, (*shape[:2], width)], seed)
    sizes = np.random.default_rng(seed).integers(1, 6, shape[:2]).astype("float32")
    return [x, metric, sizes]


@pytest.mark.parametrize(
    "count, prefix, r",
    [(9, 0, 4), (9, 1, 1), (9, 1, 4), (9, 2, 3), (9, 3, 3), (10, 0, 5), (10, 1, 4), (10, 3, 2)],
)
def test_matches_the_paper(count, prefix, r):
    x = with_sizes((2, count, 6))
    oracle = functools.partial(tokens.token_merge, r=r, prefix=prefix)
    assert_matches(TokenMerging(r, prefix), oracle, [one.shape for one in x], x=x)


def test_tokens_are_their_metric_and_of_size_one():
    oracle = functools.partial(tokens.token_merge, r=2)
    assert_matches(TokenMerging(2), oracle, TOKENS)
    x, metric, _ = with_sizes()
    assert_matches(TokenMerging(2), oracle, [TOKENS, (2, 9, 4)], x=[x, metric])
    layer, ones = TokenMerging(2), np.ones((2, 9), "float32")
    for one, two in zip(layer([x, x, ones]), layer([x]), strict=True):
        assert_equal(one, two)


@pytest.mark.parametrize("prefix", [0, 1, 2])
def test_matches_the_authors_code(prefix):
    core.import_oracle("torch")
    x = with_sizes()
    expected = merge_tokens(*map(core.to_torch, x), r=3, prefix=prefix)
    layer, expected = TokenMerging(3, prefix), [core.from_torch(one) for one in expected]
    assert_library(layer, x, expected, "ToMe, transcribed")


def test_contract():
    check_layer(
        TokenMerging,
        {"r": 2},
        others={"r": 3},
        shape=TOKENS,
        output=lambda shape: [(shape[0], shape[1] - 2, shape[2]), (shape[0], shape[1] - 2)],
        scores=lambda shape: (2, 1, 7, 9),
        rows=("",),
        dynamic=False,
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), prefix=st.integers(0, 3))
def test_means_conserve_the_total(seed, prefix):
    x, metric, sizes = with_sizes(seed=seed)
    (y, size), scores = TokenMerging(3, prefix)([x, metric, sizes], return_attention_scores=True)
    y, size, scores = map(to_numpy, (y, size, scores))
    assert_close((size[..., None] * y).sum(1), (sizes[..., None] * x).sum(1), 1e-4)
    assert_close(size.sum(1), sizes.sum(1))
    assert ((scores[:, 0] > 0).sum(axis=1) == 1).all(), "each token goes to one place"
    assert np.allclose(y[:, :prefix], x[:, :prefix], atol=1e-5)
    assert np.array_equal(size[:, :prefix], sizes[:, :prefix])


def test_merging_equal_tokens_loses_nothing():
    x = random_map((2, 9, 6))
    x[:, 4], x[:, 6] = x[:, 5], x[:, 1]  # two of A are copies of two of B
    y, size = TokenMerging(2)(x)
    kept = np.delete(x, [4, 6], axis=1)
    found = {tuple(row) for row in to_numpy(y)[0].round(5)}
    assert found == {tuple(row) for row in kept[0].round(5)}
    assert sorted(to_numpy(size)[0]) == [1, 1, 1, 1, 1, 2, 2]


def test_the_cosine_and_not_the_product_decides():
    x = np.array([[[1, 0], [1, 0.1], [0, 1], [5, 9], [1, 1]]], "float32")
    _, scores = TokenMerging(1, num_prefix_tokens=0)(x, return_attention_scores=True)
    merged = np.flatnonzero(to_numpy(scores)[0, 0, -2])
    assert list(merged) == [0, 1]


def test_equal_similarities_merge_r_pairs():
    y, size = TokenMerging(3)(np.ones((1, 8, 2), "float32"))
    assert y.shape == (1, 5, 2) and sorted(to_numpy(size)[0]) == [1, 1, 1, 1, 4]
    y, _ = TokenMerging(3)(np.zeros((1, 8, 2), "float32"))
    assert not to_numpy(y).any()


def test_large_and_small_metrics_are_compared_alike():
    x, metric, _ = with_sizes()
    expected = TokenMerging(3)([x, metric])[0]
    assert_close(TokenMerging(3)([x, metric * 1e4])[0], expected)
    assert_close(TokenMerging(3)([x, metric * 1e-3])[0], expected)


def test_half_precision_merges_the_same_tokens():
    x = with_sizes()
    x[1] = 1 + x[1] / 100  # nearly all alike in bfloat16
    expected = TokenMerging(3)(x, return_attention_scores=True)[1]
    layer = TokenMerging(3, dtype="mixed_bfloat16")
    assert_equal(layer(x, return_attention_scores=True)[1], expected)


def test_sizes_add_up_from_layer_to_layer():
    x = random_map(TOKENS)
    first, sizes = TokenMerging(2)(x)
    y, size = TokenMerging(1)([first, first, sizes])
    assert_close(ops.sum(size, 1), [9.0, 9.0])
    assert_close(ops.sum(y * size[..., None], 1), x.sum(1), 1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"r": 0}, "TokenMerging: r must be an integer >= 1. Received: r=0"),
        ({"r": 1, "num_prefix_tokens": -1}, "num_prefix_tokens must be an integer >= 0. Received"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        TokenMerging(**options)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 8, 6), r"half of the tokens after the prefix, 3 here. Received: r=4, input_shape="),
        ((2, None, 6), r"needs a fixed number of tokens. Received: input_shape="),
        ([TOKENS, (2, 8, 4)], r"a metric for each of the 9 tokens. Received: metric_shape=\(2, 8"),
        ([TOKENS, TOKENS, TOKENS], r"a size for each of the 9 tokens. Received: size_shape="),
        ([TOKENS] * 4, r"TokenMerging needs the inputs \[tokens\] or \[tokens, metric\] or \[tok"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        TokenMerging(4).build(shapes)
