"""The numbers beside a result, and the agreement of two nets."""

import dataclasses

import numpy as np
import pytest

from keras_attention import metrics
from tests.backends import on_torch_alone

pytestmark = on_torch_alone
DRAWS = {"subsets": 5, "subset_size": 50}


def points(seed, count=200, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, 4)) + shift


def score(net, value, **changes):
    return dataclasses.replace(metrics.Score(f"FD-{net}", value, None, net, 50, 50), **changes)


def test_rows():
    train, test, noise = points(0), points(1), points(2, shift=3.0)
    halves, held_out, other = metrics.floors(train, test, {"noise": noise}, "tiny", **DRAWS)
    names = [row.name for row in (halves, held_out, other)]
    assert names == ["train, half and half", "train and test", "train and noise"]
    assert held_out.frechet == metrics.frechet_distance(train, test, "tiny", "train")
    assert other.kernel == metrics.kernel_distance(train, noise, "tiny", "train", **DRAWS)
    assert (halves.frechet.real, halves.frechet.generated) == (100, 100)
    assert other.frechet.value > 10 * max(halves.frechet.value, held_out.frechet.value)


def test_the_halves_share_no_sample():
    """Of 2 clusters of 2 equal points each, the halves have 4 different points in all."""
    train = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    draws = {"subsets": 1, "subset_size": 2}
    (halves, _) = metrics.floors(train, train, **draws)
    assert (halves.frechet.real, halves.frechet.generated) == (3, 2)
    same = metrics.floors(train, train, seed=0, **draws)[0].frechet.value
    others = {metrics.floors(train, train, seed=n, **draws)[0].frechet.value for n in range(9)}
    assert halves.frechet.value == same
    assert len(others) > 1
    assert min(others) > 0


def test_nets_agree_where_all_signs_are_equal():
    first = [score("a", 5.0), score("b", 9.0)]
    found = metrics.agreement(first, [score("b", 8.0), score("a", 3.0)])
    assert found.agree
    assert found.differences == {"a": -2.0, "b": -1.0}
    assert not metrics.agreement(first, [score("a", 3.0), score("b", 10.0)]).agree
    assert not metrics.agreement(first, [score("a", 3.0), score("b", 9.0)]).agree
    assert not metrics.agreement(first, first).agree


@pytest.mark.parametrize(
    "second",
    [
        [score("a", 3.0)],
        [score("a", 3.0), score("c", 3.0)],
        [score("a", 3.0), score("b", 3.0, metric="KD-b")],
        [score("a", 3.0), score("b", 3.0), score("b", 4.0)],
        [],
    ],
)
def test_scores_of_other_nets_or_metrics_are_refused(second):
    first = [score("a", 5.0), score("b", 9.0)]
    with pytest.raises(ValueError, match="one metric in the same nets, two at least.*'FD-b'"):
        metrics.agreement(first, second)
    with pytest.raises(ValueError, match="one metric in the same nets"):
        metrics.agreement(first[:1], second[:1])


@pytest.mark.parametrize(
    "change", [{"real": 40}, {"generated": 40}, {"reference": "test"}, {"protocol": "k 3"}]
)
def test_scores_of_other_conditions_are_refused(change):
    first = [score("a", 5.0), score("b", 9.0)]
    with pytest.raises(ValueError, match="equal counts, reference and protocol. Received: FD-b"):
        metrics.agreement(first, [score("a", 3.0), score("b", 3.0, **change)])
