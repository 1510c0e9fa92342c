import functools

import numpy as np
import pytest

from keras_attention.layers import AttentionGate
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_layout,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import pooling
from tests.torch_oracles import core
from tests.torch_oracles.pooling import grid_attention

SHAPES = [(2, 7, 9, 8), (2, 3, 4, 6)]  # skip, gating


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    assert_matches(AttentionGate(data_format=data_format), pooling.attention_gate, SHAPES)


@pytest.mark.parametrize("options", [{"subsample": 3, "hidden": 3}, {"subsample": 1}], ids=str)
def test_matches_the_paper_without_output(options):
    oracle = functools.partial(pooling.attention_gate, use_output=False)
    assert_matches(AttentionGate(use_output=False, **options), oracle, SHAPES)


@pytest.mark.parametrize(
    "shapes", [[(2, 8, 6, 8), (2, 4, 3, 6)], [(2, 7, 9, 8), (2, 2, 5, 6)]], ids=str
)
def test_matches_the_authors_code(shapes):
    core.import_oracle("torch")
    layer, x = randomise(built(AttentionGate(), shapes)), random_inputs(shapes)
    weights = {path: weight.astype("float32") for path, weight in weight_values(layer).items()}
    expected, gate = grid_attention(*x, weights)
    assert_library(layer, x, expected, "Attention-Gated-Networks, transcribed")
    assert_close(layer(x, return_attention_scores=True)[1], gate)


def test_contract():
    check_layer(
        AttentionGate,
        {"hidden": 4},
        others={"hidden": 5},
        shape=SHAPES,
        gate=False,
        zero_gradients=("out/bias",),
    )


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_scores_are_the_gate(data_format):
    layer = AttentionGate(use_output=False, data_format=data_format)
    x, g = (to_layout(one, data_format) for one in random_inputs(SHAPES))
    y, scores = randomise(built(layer, SHAPES))([x, g], return_attention_scores=True)
    scores = np.expand_dims(to_numpy(scores), layer.channel)
    assert_close(y, x * scores)
    assert 0 < scores.min() and scores.max() < 1


def test_weights():
    layer = built(AttentionGate(subsample=3), [(2, 7, 9, 9), (2, 3, 4, 6)])
    assert weight_shapes(layer) == {
        "theta/kernel": (3, 3, 9, 4),
        "phi/kernel": (1, 1, 6, 4),
        "phi/bias": (4,),
        "psi/kernel": (1, 1, 4, 1),
        "psi/bias": (1,),
        "out/kernel": (1, 1, 9, 9),
        "out/bias": (9,),
        "norm/gamma": (9,),
        "norm/beta": (9,),
        "norm/moving_mean": (9,),
        "norm/moving_variance": (9,),
    }
    gamma = layer.norm.gamma_initializer
    assert (gamma.mean, gamma.stddev) == (1.0, 0.02)
    assert (layer.norm.epsilon, layer.norm.momentum) == (1e-5, 0.9)
    one = built(AttentionGate(use_output=False), [(2, 7, 9, 1), (2, 3, 4, 6)])
    assert weight_shapes(one)["theta/kernel"] == (2, 2, 1, 1)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 7, 9, 8), r"AttentionGate needs the inputs \[skip, gating\]. Received: input_shape="),
        ([*SHAPES, (2, 3, 4, 6)], r"AttentionGate needs the inputs \[skip, gating\]."),
        ([(2, 63, 8), (2, 3, 4, 6)], r"needs a map .*Received: input_shape=\(2, 63, 8\)"),
        ([(2, 7, 9, 8), (2, 6)], r"needs a map .*Received: gating_shape=\(2, 6\)"),
        ([(2, 1, 9, 8), (2, 3, 4, 6)], r"subsample=2 needs a map of that size .*shape=\(2, 1, 9"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        AttentionGate().build(shapes)


@pytest.mark.parametrize("name", ["hidden", "subsample"])
def test_rejects_numbers_below_one(name):
    message = f"AttentionGate: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        AttentionGate(**{name: 0})
