"""What is no set of features is refused, with what came."""

import numpy as np
import pytest

from keras_attention import metrics
from tests.backends import on_torch_alone

pytestmark = on_torch_alone
GOOD = np.random.default_rng(0).normal(size=(20, 3))
PAIRS = [metrics.frechet_distance, metrics.kernel_distance, metrics.prdc]


def with_value(value):
    bad = GOOD.copy()
    bad[4, 1] = value
    return bad


@pytest.mark.parametrize("metric", PAIRS)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (with_value(np.nan), "must be finite. Received: 1 of the 20 samples of {}"),
        (with_value(np.inf), "must be finite. Received: 1 of the 20 samples of {}"),
        (GOOD[0], r"{} must be numbers of shape \(samples, features\). Received: {} of shape \(3,"),
        (GOOD[:, :0], r"Received: {} of shape \(20, 0\)"),
        (GOOD.astype(str), "Received: {} of shape .*, <U"),
        (GOOD + 1j, "Received: {} of shape .*, complex128"),
        (GOOD[:0], "Received: {} with 0"),
        ([], r"Received: {} of shape \(0,\)"),
    ],
)
def test_features(metric, bad, message):
    with pytest.raises(ValueError, match=message.format("real", "real")):
        metric(bad, GOOD)
    with pytest.raises(ValueError, match=message.format("generated", "generated")):
        metric(GOOD, bad)


@pytest.mark.parametrize("metric", PAIRS)
def test_widths(metric):
    with pytest.raises(ValueError, match="Received: real of width 3, generated of width 2"):
        metric(GOOD, GOOD[:, :2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.frechet_distance(GOOD, GOOD[:1]), "at least 2 samples.*generated with 1"),
        (lambda: metrics.kernel_distance(GOOD, GOOD), "subset_size=1000, 20 real, 20 generated"),
        (lambda: metrics.kernel_distance(GOOD, GOOD, subset_size=1), "Received: subset_size=1"),
        (lambda: metrics.kernel_distance(GOOD, GOOD, subsets=0), "Received: subsets=0"),
        (lambda: metrics.prdc(GOOD[:5], GOOD), "at least 6 samples. Received: real with 5"),
        (lambda: metrics.prdc(GOOD, GOOD[:3], k=3), "at least 4 samples. Received: generated"),
        (lambda: metrics.prdc(GOOD, GOOD, k=0), "k must be an integer >= 1. Received: k=0"),
        (lambda: metrics.prdc(GOOD, GOOD, k=2.0), "Received: k=2.0"),
        (lambda: metrics.prdc(GOOD, GOOD, block=0), "Received: block=0"),
        (lambda: metrics.inception_score(np.eye(5)), "Received: splits=10, 5 samples"),
        (lambda: metrics.inception_score(np.eye(5), splits=True), "Received: splits=True"),
        (lambda: metrics.inception_score(GOOD, splits=1), "as after a softmax. Received: values"),
        (lambda: metrics.inception_score(np.ones((5, 2)), splits=1), "sums from 2 to 2"),
        (lambda: metrics.inception_score(np.eye(5)[:0]), "probabilities with 0"),
        (lambda: metrics.floors(GOOD[:1], GOOD), "train must have at least 2 samples"),
        (lambda: metrics.floors(GOOD, GOOD), "Received: subset_size=1000, 10 real, 10 generated"),
    ],
)
def test_counts_and_probabilities(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def score(generated=GOOD, given=None, wanted=None, predicted=None):
    """CAS, where the classifier always answers `predicted`."""
    ones = np.ones(20, int)
    return metrics.classification_accuracy_score(
        generated,
        ones if given is None else given,
        GOOD,
        ones if wanted is None else wanted,
        lambda images, labels: lambda images: ones if predicted is None else predicted,
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"given": np.ones(19, int)}, r"generated_labels must .* 20 images.*shape \(19,\)"),
        ({"wanted": np.ones(20)}, "real_labels must be one integer.*float64"),
        ({"generated": GOOD[:0], "given": np.ones(0, int)}, "the 0 images, of which there must be"),
        ({"predicted": np.ones(19, int)}, r"each of the 20 real images. Received: shape \(19,\)"),
        ({"predicted": np.full((20, 2), np.nan)}, r"finite scores.*Received: shape \(20, 2\)"),
        ({"predicted": np.ones(20)}, "Received: shape .*float64"),
    ],
)
def test_labels_and_predictions(wrong, message):
    assert score().value == 1
    with pytest.raises(ValueError, match=message):
        score(**wrong)
