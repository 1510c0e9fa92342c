"""Precision, recall, density and coverage against loops over points."""

import numpy as np
import pytest

from keras_attention import metrics
from tests.backends import on_torch_alone

pytestmark = on_torch_alone


def points(count=40, width=3, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, width)) + shift


def four(found):
    return np.array([found.precision, found.recall, found.density, found.coverage])


def by_loops(real, generated, k):
    """From the definitions, one pair of points at a time."""

    def reach(sets):
        return [
            sorted(np.linalg.norm(x - y) for j, y in enumerate(sets) if j != i)[k - 1]
            for i, x in enumerate(sets)
        ]

    real_reach, generated_reach = reach(real), reach(generated)
    distances = np.array([[np.linalg.norm(x - y) for y in generated] for x in real])
    inside = np.array([row <= r for row, r in zip(distances, real_reach, strict=True)])
    precision = np.mean([any(inside[:, j]) for j in range(len(generated))])
    recall = np.mean([any(row <= np.array(generated_reach)) for row in distances])
    density = sum(inside.sum(axis=0)) / (k * len(generated))
    coverage = np.mean([any(inside[i]) for i in range(len(real))])
    return np.array([precision, recall, density, coverage])


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_equals_loops(k, shift):
    real, generated = points(), points(55, seed=1, shift=shift)
    found = metrics.prdc(real, generated, k=k)
    np.testing.assert_allclose(four(found), by_loops(real, generated, k), rtol=1e-12)
    assert 0 < found.precision < 1 or not shift


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_the_size_of_the_blocks_changes_nothing(block):
    real, generated = points(), points(55, seed=1, shift=0.5)
    assert metrics.prdc(real, generated, block=block) == metrics.prdc(real, generated)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("copies", [1, 8])
def test_the_same_set_twice(offset, copies):
    """Also far from 0, and where so many points are equal that balls have no radius."""
    real = np.repeat(points(seed=3), copies, axis=0) + offset
    found = metrics.prdc(real, real[::-1], k=4, block=16)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == (1.25 if copies == 1 else 2)


def test_rounding_does_not_break_ties():
    """Of points in a row, the nearest lie on the surface: 3 in each ball, 2 at the ends."""
    row = np.arange(20)[:, None] * 0.1
    assert len(set(np.diff(row[:, 0]))) > 1
    found = metrics.prdc(row, row, k=1)
    assert found.density == pytest.approx((18 * 3 + 2 * 2) / 20)


def test_sets_that_are_apart():
    np.testing.assert_array_equal(four(metrics.prdc(points(), points(shift=50.0))), 0)


def test_what_each_number_tells():
    """Precision is high where only one of two modes is made; recall and coverage are not."""
    real = np.concatenate([points(60), points(60, seed=1, shift=20.0)])
    found = metrics.prdc(real, points(60, seed=2))
    assert found.precision > 0.9
    assert found.recall < 0.55
    assert found.coverage < 0.55
    swapped = metrics.prdc(points(60, seed=2), real)
    assert (swapped.precision, swapped.recall) == (found.recall, found.precision)


def test_rotation_and_order_change_nothing():
    real, generated = points(), points(55, seed=1, shift=0.5)
    turn = np.linalg.qr(points(3, 3))[0]
    expected = four(metrics.prdc(real, generated))
    np.testing.assert_array_equal(four(metrics.prdc(real @ turn, generated @ turn)), expected)
    np.testing.assert_allclose(four(metrics.prdc(real[::-1], generated[::-1])), expected)


def test_the_result_names_net_and_counts():
    found = metrics.prdc(points(), points(55), "tiny", "dots, test", k=3)
    assert (found.metric, found.k, found.real, found.generated) == ("PRDC-tiny", 3, 40, 55)
    assert str(found).endswith("55 generated against 40 real of dots, test; k 3")
