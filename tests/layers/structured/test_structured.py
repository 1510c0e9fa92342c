import functools

import numpy as np
import pytest

from keras_attention.layers import StructuredAttention
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_inputs,
    random_map,
    randomise,
    to_layout,
    to_numpy,
)
from tests.oracles import structured
from tests.oracles.maths import dense, sigmoid
from tests.torch_oracles import structured as torch_structured

MAP = (2, 3, 4, 5)
TOKENS = (2, 6, 5)
WITH_QUERY = [TOKENS, (2, 3)]


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("output", ["pool", "gate"])
@pytest.mark.parametrize("order", ["raster", "rows", "columns", "axial"])
def test_matches_enumeration(order, output, data_format):
    layer = StructuredAttention(order, output=output, data_format=data_format)
    oracle = functools.partial(structured.structured, order=order, output=output)
    assert_matches(layer, oracle, MAP)


@pytest.mark.parametrize(
    "options", [{}, {"normalize": True, "scale": 2.0}, {"scale": 0.5, "output": "gate"}], ids=str
)
@pytest.mark.parametrize("shape", [TOKENS, WITH_QUERY], ids=["tokens", "tokens and query"])
def test_matches_enumeration_on_tokens(shape, options):
    layer = StructuredAttention(use_query=isinstance(shape, list), **options)
    assert_matches(layer, functools.partial(structured.structured, **options), shape)


def test_matches_torch_struct():
    layer, x = randomise(built(StructuredAttention(), TOKENS)), random_map(TOKENS)
    potentials = to_numpy(layer.score(x))
    unary = np.concatenate([0 * potentials, potentials], axis=-1)
    zeros = np.zeros(2, "float32")
    theirs = torch_structured.linear_chain(unary, to_numpy(layer.transitions), zeros, zeros)
    _, scores = layer(x, return_attention_scores=True)
    assert_close(scores[:, 0], torch_structured.sites_of(theirs.marginals)[..., 1])


@pytest.mark.parametrize("output", ["pool", "gate"])
def test_contract(output):
    check_layer(
        StructuredAttention,
        {"use_query": True, "output": output},
        others={
            "order": "columns",
            "output": "gate",
            "identity_init": With(True, output="gate"),
        },
        shape=WITH_QUERY,
        output=(lambda shape: (2, 5)) if output == "pool" else None,
        scores=lambda shape: (2, 1, 6),
        gate=False,
        dynamic=False,
        mask=0,
    )


@pytest.mark.parametrize("order", ["raster", "rows", "columns", "axial"])
def test_starts_as_sigmoid_attention(order):
    layer, x = built(StructuredAttention(order, output="gate"), MAP), random_map(MAP)
    logits = to_numpy(layer.score(x))
    assert_close(layer(x), x * sigmoid(logits))


def test_at_most_one_open_switch_of_strong_transitions_is_softmax_attention():
    """Where 1 may be followed by nothing but 0, and one switch must be open: a softmax.

    With -1e4 for [1, 1] and two positions, of the states 00, 01, 10 only 00 is not a choice of one;
    a large negative [0, 0] takes it away.
    """
    layer, x = built(StructuredAttention(), (2, 2, 5)), random_map((2, 2, 5))
    layer.transitions.assign([[-1e4, 0.0], [0.0, -1e4]])
    logits = to_numpy(layer.score(x))[..., 0]
    _, scores = layer(x, return_attention_scores=True)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert_close(scores[:, 0], softmax)


def test_normalized_scores_sum_to_the_scale():
    layer = StructuredAttention(normalize=True, scale=2.0)
    x = random_map(TOKENS)
    _, scores = randomise(built(layer, TOKENS))(x, return_attention_scores=True)
    assert_close(to_numpy(scores).sum(axis=-1), np.full((2, 1), 2.0))


def test_without_normalization_the_sum_grows_with_the_positions():
    x = np.ones((1, 6, 5), "float32")
    layer = built(StructuredAttention(), x.shape)
    layer.score.kernel.assign(np.zeros((5, 1)))
    assert_close(layer(x), 6 / 2 * x[:, 0])


@pytest.mark.parametrize("normalize", [False, True])
def test_a_masked_end_equals_the_shorter_sequence(normalize):
    layer = randomise(built(StructuredAttention(normalize=normalize), TOKENS))
    x = random_map(TOKENS)
    keep = np.ones((2, 6), bool)
    keep[0, 4:] = False
    assert_close(layer(x, mask=keep)[:1], layer(x[:1, :4].copy()))
    assert_close(layer(x, mask=0 * keep), np.zeros((2, 5)), 0)


def test_rows_of_a_map_are_joined_over_masked_positions():
    layer, x = randomise(built(StructuredAttention("rows"), MAP)), random_map(MAP)
    keep = np.ones((2, 3, 4), bool)
    keep[:, :, 1] = False
    expected = layer(np.delete(x, 1, axis=2))
    assert_close(layer(x, mask=keep.reshape(2, 12)), expected)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_columns_are_the_rows_of_the_transpose(data_format):
    x = random_map(MAP)
    rows, columns = (
        randomise(built(StructuredAttention(order, data_format=data_format), shape))
        for order, shape in (("rows", (2, 4, 3, 5)), ("columns", MAP))
    )
    turned = to_layout(x.swapaxes(1, 2), data_format)
    assert_close(columns(to_layout(x, data_format)), rows(turned))


def test_tokens_are_one_row():
    x = random_map(TOKENS)
    logits = None
    found = {}
    for order in ("raster", "rows", "columns"):
        layer = randomise(built(StructuredAttention(order, output="gate"), TOKENS))
        logits = to_numpy(layer.score(x))
        found[order] = layer(x)
    assert_close(found["rows"], found["raster"], 0)
    assert_close(found["columns"], x * sigmoid(logits))


def test_the_query_is_bilinear():
    """Kim et al. 2017, section 4.2: u_i = x_i W q; an additive term could not choose a position."""
    layer = randomise(built(StructuredAttention(use_query=True, output="gate"), WITH_QUERY))
    layer.transitions.assign(np.zeros((2, 2)))
    x, query = random_inputs(WITH_QUERY)
    weights = {"score/kernel": to_numpy(layer.score.kernel), "score/bias": layer.score.bias}
    weights["score/bias"] = to_numpy(weights["score/bias"])
    logits = dense(x, weights, "score")[..., 0]
    logits = logits + np.einsum("bnc,dc,bd->bn", x, to_numpy(layer.query.kernel), query)
    assert_close(layer([x, query]), x * sigmoid(logits)[..., None])


def test_a_query_without_use_query_is_not_looked_at():
    layer = randomise(built(StructuredAttention(), TOKENS))
    x, query = random_inputs(WITH_QUERY)
    assert_close(layer([x, query]), layer(x), 0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"order": "row"}, "Did you mean 'rows'. Received: order='row'"),
        ({"output": "gates"}, "Did you mean 'gate'. Received: output='gates'"),
        ({"scale": 0}, "scale must be above 0. Received: scale=0"),
        ({"identity_init": True}, "cannot start as the identity"),
    ],
    ids=str,
)
def test_rejects_options(options, message):
    with pytest.raises(ValueError, match=f"StructuredAttention.*{message}"):
        StructuredAttention(**options)


def test_rejects_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"needs the inputs \[x, query\]. Received"):
        StructuredAttention(use_query=True).build(TOKENS)
    with pytest.raises(ValueError, match=r"a query \(batch, units\).*Received: query_shape="):
        StructuredAttention(use_query=True).build([TOKENS, (2, 1, 3)])
    with pytest.raises(ValueError, match="fixed height and width"):
        StructuredAttention().build((None, None, 4, 5))
    layer = built(StructuredAttention(), MAP)
    with pytest.raises(ValueError, match=r"mask must have the shape .* = \(2, 12\)"):
        layer(random_map(MAP), mask=np.ones((2, 3, 4), bool))
