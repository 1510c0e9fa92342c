"""Layers that add gamma times a branch, where random weights may leave gamma near zero."""

from tests.layers.tools import assert_library, built, own_path, randomise, weight_values


def assert_whole_branch_matches(layer, oracle, x):
    """With every gamma one and the other weights random, the output is the oracle's."""
    randomise(built(layer, x.shape))
    gammas = [weight for weight in layer.weights if own_path(layer, weight).endswith("gamma")]
    for gamma in gammas:
        gamma.assign(1.0)
    expected, _ = oracle(x.astype("float64"), weight_values(layer))
    assert gammas and abs(expected - x).max() > 0.1
    assert_library(layer, x, expected, "NumPy")
