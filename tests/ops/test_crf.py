import itertools

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.ops import crf
from tests.layers.tools import assert_close, gradients, to_numpy
from tests.ops.compiled import compiled
from tests.oracles import structured
from tests.torch_oracles import structured as torch_structured

SITES = 6
SIZES = [(1, 3), (2, 2), (SITES, 3), (8, 2)]


def potentials(sites=SITES, states=3, seed=0, batch=2):
    """Unary, transitions, start and end, float32."""
    rng = np.random.default_rng(seed)
    shapes = (batch, sites, states), (states, states), (states,), (states,)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def each(oracle, unary, *others):
    """An oracle's answer for each of the batch, in float64."""
    return [oracle(*(one.astype("float64") for one in (u, *others))) for u in unary]


def answers(unary, transitions, start, end, mask, tags):
    edges = crf.edges_of(unary, transitions, start, end, mask)
    return {
        "log_z": crf.log_partition(edges),
        "p": crf.marginals(edges),
        "pairs": crf.pairwise_marginals(edges),
        "best": crf.viterbi(edges),
        "score": crf.path_score(edges, tags, mask),
    }


def infer(given, mask=None, tags=None):
    """All that can be asked of a chain, in NumPy."""
    shape = given[0].shape[:2]
    mask = np.ones(shape, bool) if mask is None else np.asarray(mask)
    tags = np.zeros(shape, "int32") if tags is None else tags.astype("int32")
    found = compiled(answers, *(one.astype("float32") for one in given), mask, tags)
    return {key: to_numpy(one) for key, one in found.items()}


# Scans.


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_of_a_product_that_does_not_commute(size, reverse):
    x = np.random.default_rng(size).normal(size=(2, size, 2, 2)).astype("float32")
    found = compiled(lambda x: crf.associative_scan(ops.matmul, x, reverse), x)
    steps = x[:, ::-1] if reverse else x
    expected = np.stack(list(itertools.accumulate(steps.swapaxes(0, 1), np.matmul)), axis=1)
    assert_close(found, expected[:, ::-1] if reverse else expected, 1e-4)


def test_scan_keeps_integers():
    x = ops.convert_to_tensor(np.arange(10, dtype="int32").reshape(2, 5))
    found = crf.associative_scan(ops.add, x)
    assert keras.backend.standardize_dtype(found.dtype) == "int32"
    assert np.array_equal(to_numpy(found), np.cumsum(np.arange(10).reshape(2, 5), axis=1))


@pytest.mark.parametrize("size", [2, 3])
def test_products_of_the_semirings(size):
    rng = np.random.default_rng(size)
    left, right = rng.normal(size=(2, 1, size, size)).astype("float32")
    ways = left[..., :, :, None] + right[..., None, :, :]
    assert_close(crf.log_product(left, right), np.log(np.exp(ways).sum(axis=-2)), 1e-6)
    assert_close(crf.max_product(left, right), ways.max(axis=-2), 0)


# Against enumeration.


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_inference(size):
    given = potentials(*size)
    best = np.stack(each(structured.best_path, *given))
    found = infer(given, tags=best)
    single, pairs = zip(*each(structured.chain_marginals, *given), strict=True)
    assert_close(found["p"], np.stack(single), what="marginals")
    if size[0] > 1:
        assert_close(found["pairs"], np.stack(pairs), what="pairwise marginals")
    assert_close(found["log_z"], np.stack(each(structured.log_partition, *given)), what="log Z")
    assert np.array_equal(found["best"], best)
    scores = [one[1].max() for one in each(structured.sequences, *given)]
    assert_close(found["score"], np.array(scores), what="score of the best path")


def test_start_end_and_mask_can_be_left_out():
    unary, transitions, *_ = potentials()
    zeros, mask = np.zeros(3, "float32"), np.ones((2, SITES), bool)
    full = crf.edges_of(unary, transitions, zeros, zeros, ops.convert_to_tensor(mask))
    assert_close(crf.edges_of(unary, transitions), full, 0)
    tags = np.zeros((2, SITES), "int32")
    expected = unary[..., 0].sum(axis=1) + (SITES - 1) * transitions[0, 0]
    assert_close(crf.path_score(full, ops.convert_to_tensor(tags)), expected)


def test_viterbi_does_not_mix_equally_good_paths():
    transitions = 5 * (1 - np.eye(3))  # every path that never stays is a best one
    zeros = np.zeros(3)
    paths = infer([np.zeros((2, SITES, 3)), transitions, zeros, zeros])["best"]
    assert np.abs(np.diff(paths)).min() >= 1


def test_tags_are_int32():
    edges = ops.zeros((1, 2, 2, 2))
    assert keras.backend.standardize_dtype(crf.viterbi(edges).dtype) == "int32"


# Masks and lengths.


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    keep=st.lists(st.booleans(), min_size=SITES, max_size=SITES), seed=st.integers(0, 1000)
)
@hypothesis.example(keep=[False] * SITES, seed=0)
@hypothesis.example(keep=[False, False, True, True, False, True], seed=0)
def test_masked_sites_do_not_exist(keep, seed):
    unary, *others = potentials(seed=seed)
    tags = np.random.default_rng(seed).integers(0, 3, (2, SITES))
    keep = np.array(keep)
    tags[0, ~keep] = -7
    noisy = unary.copy()
    noisy[0, ~keep] = np.nan
    found = infer([noisy, *others], np.stack([keep, ~keep]), tags)
    assert np.isfinite(found["p"]).all()
    for index, kept in enumerate((keep, ~keep)):
        mine = {key: one[index] for key, one in found.items()}
        if not kept.any():
            assert abs(mine["log_z"]) < 1e-6
            assert mine["score"] == 0
            continue
        rest = [unary[index, kept].astype("float64"), *others]
        assert_close(mine["log_z"], structured.log_partition(*rest), what="log Z")
        assert_close(mine["p"][kept], structured.chain_marginals(*rest)[0], what="marginals")
        assert np.array_equal(mine["best"][kept], structured.best_path(*rest))
        paths, scores = structured.sequences(*rest)
        expected = scores[(paths == tags[index, kept]).all(axis=1)]
        assert_close(mine["score"], expected[0], what="score")


def test_lengths():
    expected = [[True, False, False], [True, True, True], [False] * 3]
    assert np.array_equal(to_numpy(crf.length_mask(np.array([1, 3, 0]), 3)), expected)


@pytest.mark.parametrize("lengths", [None, [SITES, 3]], ids=str)
def test_matches_torch_struct(lengths):
    given = potentials()
    lengths = np.array([SITES, SITES] if lengths is None else lengths)
    theirs = torch_structured.linear_chain(*given, lengths)
    found = infer(given, to_numpy(crf.length_mask(lengths, SITES)) > 0)
    assert_close(found["log_z"], theirs.partition.detach().numpy().ravel())
    p, best = torch_structured.sites_of(theirs.marginals), torch_structured.sites_of(theirs.argmax)
    inside = np.arange(SITES) < lengths[:, None]
    assert_close(found["p"][inside], p[inside])
    assert np.array_equal(found["best"][inside], best.argmax(axis=-1)[inside])


# What the mathematics says.


def test_without_transitions_sites_are_independent():
    unary, transitions, start, end = (0 * one for one in potentials(8, 2))
    unary = potentials(8, 2)[0]
    p = infer([unary, transitions, start, end])["p"]
    assert_close(p[..., 1], 1 / (1 + np.exp(unary[..., 0] - unary[..., 1])))
    assert_close(p.sum(axis=-1), np.ones((2, 8)))


def test_pairs_sum_to_single_sites_both_ways():
    found = infer(potentials())
    assert_close(found["pairs"].sum(axis=-1), found["p"][:, :-1])
    assert_close(found["pairs"].sum(axis=-2), found["p"][:, 1:])


def test_a_constant_at_one_site_changes_only_the_partition():
    unary, *others = potentials()
    shifted = unary.copy()
    shifted[:, 2] += 50
    before, after = infer([unary, *others]), infer([shifted, *others])
    assert_close(after["p"], before["p"], 1e-4)
    assert_close(after["log_z"], before["log_z"] + 50, 1e-4)


def test_huge_potentials_stay_finite():
    found = infer([1e4 * np.sign(one) for one in potentials()])
    assert all(np.isfinite(one).all() for one in found.values())
    assert_close(found["p"].sum(axis=-1), np.ones((2, SITES)), 1e-6)
    assert_close(found["pairs"].sum(axis=(2, 3)), np.ones((2, SITES - 1)), 1e-6)


def test_a_reversed_chain_gives_reversed_marginals():
    unary, transitions, start, end = potentials()
    reverse = infer([unary[:, ::-1], transitions.T, end, start])
    assert_close(reverse["p"][:, ::-1], infer([unary, transitions, start, end])["p"])


def test_long_chains_stay_precise():
    size = 200
    given = potentials(size, 2, batch=1)
    unary, transitions, start, end = (one.astype("float64") for one in given)
    forward, backward, log_z = [np.exp(unary[0, 0] + start)], [np.exp(end)], 0.0
    for site in range(1, size):
        log_z += np.log(forward[-1].sum())
        step = forward[-1] / forward[-1].sum() @ np.exp(transitions)
        forward.append(step * np.exp(unary[0, site]))
        step = np.exp(transitions) @ (np.exp(unary[0, size - site]) * backward[0])
        backward.insert(0, step / step.sum())
    log_z += np.log((forward[-1] * np.exp(end)).sum())
    p = np.array(forward) * np.array(backward)
    found = infer(given)
    assert_close(found["p"][0], p / p.sum(axis=-1, keepdims=True))
    assert_close(found["log_z"] / log_z, [1.0], 1e-6)


# Gradients.


def log_partition(unary, transitions, start, end, mask):
    return crf.log_partition(crf.edges_of(unary, transitions, start, end, mask))


def marginals(unary, transitions, start, end, mask):
    p = crf.marginals(crf.edges_of(unary, transitions, start, end, mask))
    return ops.where(mask[..., None], p, 0.0)


class Held(keras.layers.Layer):
    """A function of potentials that are its weights, and of a mask."""

    def __init__(self, function, given, mask):
        super().__init__()
        self.function, self.mask = function, mask
        self.held = []
        for index, one in enumerate(given):
            weight = self.add_weight(shape=one.shape, initializer="zeros", name=f"held{index}")
            weight.assign(one)
            self.held.append(weight)
        self.built = True

    def call(self, x):
        return compiled(self.function, *map(ops.convert_to_tensor, self.held), self.mask)


def gradients_of(function, given, mask):
    """Of the sum of the function's values times the random numbers of `gradients`."""
    layer = Held(function, given, mask)
    return list(gradients(layer, np.zeros((1, 1), "float32")).values())


def factors(shape):
    return np.random.default_rng(1).normal(size=shape)


def test_marginals_are_the_gradient_of_the_partition():
    given = potentials()
    found, mask = infer(given), np.ones((2, SITES), bool)
    by_unary, by_transitions, by_start, by_end = gradients_of(log_partition, given, mask)
    weights = factors((2,))[:, None, None]
    p, pairs = found["p"] * weights, found["pairs"] * weights[..., None]
    assert_close(by_unary, p)
    assert_close(by_transitions, pairs.sum(axis=(0, 1)))
    assert_close(by_start, p[:, 0].sum(axis=0))
    assert_close(by_end, p[:, -1].sum(axis=0))


ORACLES = {
    log_partition: structured.log_partition,
    marginals: lambda *chain: structured.chain_marginals(*chain)[0],
}


@pytest.mark.parametrize("keep", [[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 1, 1]], ids=str)
@pytest.mark.parametrize("function", ORACLES)
def test_gradients_against_central_differences(function, keep):
    given, keep = potentials(4, 2), np.array([keep, [1] * 4], bool)
    exact = [one.astype("float64") for one in given]
    single = function is marginals
    weights = factors((2, 4, 2) if single else (2,))

    def loss(unary, *others):
        total = 0.0
        for u, mask, weight in zip(unary, keep, weights, strict=True):
            value = ORACLES[function](u[mask], *others)
            total += (value * (weight[mask] if single else weight)).sum()
        return total

    found = gradients_of(function, given, keep)
    for gradient, values in zip(found, exact, strict=True):
        for index in np.ndindex(values.shape):
            at, sides = values[index], []
            for step in (1e-4, -1e-4):
                values[index] = at + step
                sides.append(loss(*exact))
            values[index] = at
            assert abs(gradient[index] - (sides[0] - sides[1]) / 2e-4) <= 1e-5
