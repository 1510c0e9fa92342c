"""Distances of sets of features, against SciPy, closed forms and loops."""

import itertools

import numpy as np
import pytest

from keras_attention import metrics
from tests.backends import on_torch_alone

pytestmark = on_torch_alone


def samples(count=200, width=6, seed=0, shift=0.0):
    """Gaussian features whose directions have different lengths."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width))
    return rng.normal(size=(count, width)) @ mixing + shift


def by_sqrtm(one, other):
    linalg = pytest.importorskip("scipy.linalg", reason="no SciPy to compare with")
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    gap = one.mean(axis=0) - other.mean(axis=0)
    root = linalg.sqrtm(first @ second)
    return gap @ gap + np.trace(first + second - 2 * root.real)


def exact(covariances, gap):
    """A set of each covariance, the means `gap` apart: whitened samples, then coloured."""
    sets = []
    for seed, covariance in enumerate(covariances):
        raw = np.random.default_rng(seed).normal(size=(50, len(covariance)))
        raw -= raw.mean(axis=0)
        white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
        sets.append(white @ np.linalg.cholesky(covariance).T + seed * np.asarray(gap))
    return sets


def rotation(width):
    return np.linalg.qr(np.random.default_rng(1).normal(size=(width, width)))[0]


@pytest.mark.parametrize("width", [2, 6, 40])
def test_the_frechet_distance_is_that_of_scipy(width):
    one, other = samples(width=width), 1.3 * samples(width=width, seed=1, shift=0.2)
    found = metrics.frechet_distance(one, other)
    assert found.value == pytest.approx(by_sqrtm(one, other), rel=1e-9)


def test_the_frechet_distance_of_known_gaussians():
    """Covariances with the same axes: |m|^2 + the sum of (root a - root b)^2."""
    first, second, gap = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.25]), [1.0, 0.0, 2.0]
    one, other = exact([np.diag(first), np.diag(second)], gap)
    expected = 5 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert metrics.frechet_distance(one, other).value == pytest.approx(expected, rel=1e-12)
    turn = rotation(3)
    turned = metrics.frechet_distance(one @ turn, other @ turn).value
    assert turned == pytest.approx(expected, rel=1e-12)


def test_the_frechet_distance_of_covariances_with_other_axes():
    """2 x 2: tr (C1 C2)^(1/2) = root(tr C1 C2 + 2 root(det C1 C2))."""
    first, second = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.8], [-0.8, 3.0]])
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    found = metrics.frechet_distance(*exact([first, second], [0.0, 0.0])).value
    assert found == pytest.approx(np.trace(first + second) - 2 * root, rel=1e-12)


def test_one_feature():
    one, other = np.array([[1.0], [3.0]]), np.array([[0.0], [2.0], [4.0]])
    assert metrics.frechet_distance(one, other).value == pytest.approx((2 - np.sqrt(2)) ** 2)


def test_the_frechet_distance_of_covariances_without_full_rank():
    """10 samples of 30 features, where rounding under a root would leave 1e-7."""
    one, other = samples(10, 30), samples(12, 30, seed=1)
    message = "30 features need more than 30 samples .* Received: 10 real, 12 generated"
    with pytest.warns(UserWarning, match=message):
        found = metrics.frechet_distance(one, other, "tiny")
    # tr (C1 C2)^(1/2) is the nuclear norm of X1 X2', without covariances.
    first, second = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (one, other))
    gap = one.mean(axis=0) - other.mean(axis=0)
    traces = (first**2).sum() + (second**2).sum()
    nuclear = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    assert found.value == pytest.approx(gap @ gap + traces - 2 * nuclear, rel=1e-11)


def test_as_many_samples_as_features_lack_rank_too():
    with pytest.warns(UserWarning, match="Received: 6 real, 200 generated"):
        metrics.frechet_distance(samples(6), samples())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_distance_of_a_set_to_itself_is_zero(scale):
    one = scale * samples()
    assert 0 <= metrics.frechet_distance(one, one[::-1]).value < 1e-12 * scale**2


def test_constant_features():
    one, other = np.full((5, 2), 3.0), np.full((4, 2), 1.0)
    assert metrics.frechet_distance(one, other).value == pytest.approx(8)


def by_loops(one, other):
    """Unbiased MMD, term by term."""

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(rows):
        pairs = list(itertools.permutations(rows, 2))
        return sum(kernel(x, y) for x, y in pairs) / len(pairs)

    between = [kernel(x, y) for x in one for y in other]
    return within(one) + within(other) - 2 * sum(between) / len(between)


def test_the_kernel_distance_is_that_of_loops():
    one, other = samples(15, 4), samples(15, 4, seed=1, shift=0.3)
    found = metrics.kernel_distance(one, other, subsets=1, subset_size=15)
    assert found.value == pytest.approx(by_loops(one, other), rel=1e-10)
    assert found.deviation == 0


def test_the_subsets_of_a_kernel_distance():
    """Drawn without replacement: the mean over many is that of the whole, which has no bias."""
    one, other = samples(60, 4), samples(60, 4, seed=1, shift=0.3)
    found = metrics.kernel_distance(one, other, subsets=400, subset_size=20)
    error = found.deviation / np.sqrt(400)
    assert abs(found.value - by_loops(one, other)) < 4 * error
    assert error > 0
    again = metrics.kernel_distance(one, other, subsets=400, subset_size=20)
    assert again == found
    assert metrics.kernel_distance(one, other, subset_size=20, seed=1).value != found.value


def test_the_kernel_distance_of_equal_distributions_is_zero_on_average():
    pairs = [(samples(40, 3, seed=n), samples(40, 3, seed=1000 + n)) for n in range(200)]
    found = [metrics.kernel_distance(*pair, subsets=1, subset_size=40).value for pair in pairs]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)
    assert min(found) < 0


@pytest.mark.parametrize(
    ("distance", "options"),
    [
        (metrics.frechet_distance, {}),
        (metrics.kernel_distance, {"subsets": 1, "subset_size": 200}),
    ],
)
def test_rotation_and_order_change_nothing(distance, options):
    one, other = samples(), samples(seed=1, shift=0.5)
    before = distance(one, other, **options).value
    turn, order = rotation(6), np.random.default_rng(2).permutation(200)
    assert distance(one @ turn, other @ turn, **options).value == pytest.approx(before, rel=1e-9)
    assert distance(one[order], other, **options).value == pytest.approx(before, rel=1e-9)


def test_float32_is_computed_in_float64():
    one, other = (samples(seed=seed).astype("float32") for seed in (0, 1))
    found = metrics.frechet_distance(one, other).value
    expected = by_sqrtm(one.astype("float64"), other.astype("float64"))
    assert found == pytest.approx(expected, rel=1e-9)


def test_known_inception_scores():
    one_each = np.eye(10)[np.arange(200) % 10]
    assert metrics.inception_score(one_each, seed=None).value == pytest.approx(10)
    assert metrics.inception_score(np.full((50, 4), 0.25)).value == pytest.approx(1)
    found = metrics.inception_score(np.array([[0.9, 0.1], [0.3, 0.7]]), splits=1)
    logs = [0.9 * np.log(0.9 / 0.6), 0.1 * np.log(0.1 / 0.4)]
    logs += [0.3 * np.log(0.3 / 0.6), 0.7 * np.log(0.7 / 0.4)]
    assert found.value == pytest.approx(np.exp(sum(logs) / 2))


def test_samples_in_the_order_of_their_classes_are_shuffled():
    by_class = np.eye(10)[np.repeat(np.arange(10), 50)]
    assert metrics.inception_score(by_class, seed=None).value == pytest.approx(1)
    found = metrics.inception_score(by_class, splits=5)
    assert 9 < found.value <= 10
    assert found.deviation > 0


def test_classification_accuracy():
    """Of what the nearest class mean of generated points makes of real ones."""
    generated, given = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    real, wanted = np.array([[0.5], [4.0], [5.0], [9.5]]), np.array([0, 0, 0, 1])

    def train(images, labels):
        means = np.array([images[labels == one].mean() for one in (0, 1)])
        return lambda images: -abs(images - means)

    found = metrics.classification_accuracy_score(
        generated, given, real, wanted, train, "nearest mean", "points, test"
    )
    assert found.value == 0.75
    assert (found.metric, found.real, found.reference) == ("CAS-nearest mean", 4, "points, test")
    classes = metrics.classification_accuracy_score(
        generated, given, real, wanted, lambda *_: lambda images: np.array([0, 0, 1, 1])
    )
    assert classes.value == 0.75


def test_a_result_names_net_counts_and_protocol():
    one, other = samples(30), samples(40, seed=1)
    found = metrics.frechet_distance(one, other, "tiny", "CIFAR-10, test")
    assert (found.metric, found.net, found.real, found.generated) == ("FD-tiny", "tiny", 30, 40)
    assert str(found).endswith("40 generated against 30 real of CIFAR-10, test")
    kernel = metrics.kernel_distance(one, other, "tiny", subset_size=20)
    assert kernel.metric == "KD-tiny"
    assert str(kernel).endswith("40 generated against 30 real; 100 subsets of 20, seed 0")
    assert metrics.inception_score(np.eye(20), "tiny").metric == "IS-tiny"
