import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.layers import TokenSelection
from tests.helpers import check_layer
from tests.layers.tools import (
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    random_map,
    to_numpy,
)
from tests.oracles import tokens
from tests.torch_oracles import core
from tests.torch_oracles.tokens import keep_tokens

SHAPES = [(2, 9, 6), (2, 3, 9)]  # tokens, attention of the class token


def feed(shapes=SHAPES, seed=0):
    """Tokens, and attention with sums of one and without ties."""
    attention = np.exp(random_map(shapes[1], seed + 1))
    return [random_map(shapes[0], seed), attention / attention.sum(-1, keepdims=True)]


@pytest.mark.parametrize("keep_rate", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("options", [{}, {"fuse": False}, {"normalize_fused": True}], ids=str)
def test_matches_the_paper(options, keep_rate):
    oracle = functools.partial(tokens.token_select, keep_rate=keep_rate, **options)
    assert_matches(TokenSelection(keep_rate, **options), oracle, SHAPES, x=feed())


@pytest.mark.parametrize("keep_rate", [0.5, 0.7])
def test_matches_the_authors_code(keep_rate):
    core.import_oracle("torch")
    x = feed()
    expected = core.from_torch(keep_tokens(*map(core.to_torch, x), keep_rate))
    assert_library(TokenSelection(keep_rate), x, expected, "EViT, transcribed")


def test_contract():
    check_layer(
        TokenSelection,
        shape=SHAPES,
        feed=feed,
        output=lambda shapes: (2, 8, 6),
        scores=lambda shapes: (2, 1, 9),
        dynamic=False,
        mask=0,
    )


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(8)), keep=st.integers(1, 7))
def test_keeps_k_tokens_in_falling_order(order, keep):
    x = np.arange(9, dtype="float32").reshape(1, 9, 1)  # each token is its place
    attention = np.concatenate([[100.0], np.array(order) + 1.0])[None, None] / 45
    y = to_numpy(TokenSelection(keep / 8, fuse=False)([x, attention.astype("float32")]))
    expected = np.argsort(-np.array(order))[:keep] + 1
    assert list(y[0, :, 0]) == [0, *expected]


@pytest.mark.parametrize(
    "rate, count, k", [(0.7, 9, 6), (0.5, 9, 4), (0.51, 9, 5), (0.7, 197, 138)]
)
def test_rounds_up(rate, count, k):
    x, attention = feed([(1, count, 2), (1, 1, count)])
    assert TokenSelection(rate, fuse=False)([x, attention]).shape == (1, 1 + k, 2)
    assert TokenSelection(rate)([x, attention]).shape == (1, 2 + k, 2)


@pytest.mark.parametrize("keep_rate", [1, 0.95])
def test_keeps_all_tokens_as_they_are(keep_rate):
    x, attention = feed()
    assert_equal(TokenSelection(keep_rate)([x, attention]), x)


def test_the_attention_to_the_class_token_does_not_matter():
    x, attention = feed()
    expected = TokenSelection()([x, attention])
    attention[..., 0] = 7
    y, scores = TokenSelection()([x, attention], return_attention_scores=True)
    assert_equal(y, expected)
    assert not to_numpy(scores)[..., 0].any()


def test_a_normalised_sum_of_equal_tokens_is_one_of_them():
    x, attention = feed()
    x[:, 1:] = x[:, 1:2]
    y = TokenSelection(normalize_fused=True)([x, attention])
    assert_close(y[:, -1], x[:, 1])


def test_masked_tokens_come_last_and_are_zero():
    x, attention = feed()
    attention[:, :, 5:] += 1  # the masked ones would win
    mask = np.arange(9) < 5
    mask = np.repeat(mask[None], 2, axis=0)
    y, scores = TokenSelection(0.5)([x, attention], mask=mask, return_attention_scores=True)
    expected = TokenSelection(1)([x[:, :5], attention[:, :, :5]])
    assert_close(np.sort(to_numpy(y)[:, :5], axis=1), np.sort(to_numpy(expected), axis=1))
    assert not to_numpy(scores)[..., 5:].any()
    y = to_numpy(TokenSelection(0.7)([x, attention], mask=[mask, None]))
    assert y.shape == (2, 8, 6) and not y[:, 5:].any()


@pytest.mark.parametrize("options", [{}, {"normalize_fused": True}], ids=str)
def test_nothing_is_left(options):
    y = TokenSelection(**options)(feed(), mask=np.zeros((2, 9), bool))
    assert not to_numpy(y).any()


def test_half_precision_keeps_the_same_tokens():
    x, attention = feed([(2, 9, 6), (2, 3, 9)])
    attention = 0.5 + attention / 1e4  # all alike in bfloat16
    expected = to_numpy(TokenSelection(0.5, fuse=False)([x, attention]))
    y = to_numpy(TokenSelection(0.5, fuse=False, dtype="mixed_bfloat16")([x, attention]))
    assert_close(y, expected, 0.02)


@pytest.mark.parametrize("keep_rate", [0, 1.1, -0.5, "half"])
def test_rejects_keep_rates(keep_rate):
    message = r"TokenSelection: keep_rate must be in \(0, 1\]. Received: keep_rate="
    with pytest.raises(ValueError, match=message):
        TokenSelection(keep_rate)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 9, 6), r"TokenSelection needs the inputs \[tokens, attention\]. Received: input_sh"),
        ([(2, None, 6), (2, 3, None)], r"a fixed number of tokens. Received: input_shape="),
        ([(2, 9, 6), (2, 3, 8)], r"Received: input_shape=\(2, 9, 6\), attention_shape=\(2, 3, 8"),
        ([(2, 9, 6), (2, 9)], r"attention \(batch, heads, tokens\). Received: "),
        ([(2, 1, 6), (2, 3, 1)], r"two tokens at least"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        TokenSelection().build(shapes)
