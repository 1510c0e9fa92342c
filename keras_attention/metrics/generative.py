"""Distances between sets of images, as features of a net that stays as it is.

A Frechet distance is an FID in one space alone: pool3 of the Inception graph of 2015, with 50,000
generated images and a stated reference. In any other net it is FD-<net>, and its kernel sibling
KD-<net>: such numbers compare results in that net, and with nothing published. Nets that were
trained to classify see what tells classes apart, so ask two of them and look at `agreement`, and
print `floors` beside each result.
"""

import warnings
from collections.abc import Callable

import numpy as np

from . import checks
from .results import Score


def frechet_distance(real, generated, net: str = "features", reference: str = "") -> Score:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the means and covariances of two sets.

    The number falls with the number of samples: compare results of equal counts only.

    Args:
        real: Features of real images, (samples, features).
        generated: Features of generated images in the same net.
        net: What made the features, for the result.
        reference: Which real images, for the result.
    Raises: ValueError for sets that are no finite features of one width, or of one sample.
    Warns: where a set has no more samples than features, so that its covariance lacks rank: the
        distance is defined, but says more of the number of samples than of the images.
    Reference: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
        Nash Equilibrium", NeurIPS 2017, arXiv:1706.08500.
    """
    owner = "frechet_distance"
    real, generated = checks.pair(owner, real, generated, at_least=2)
    width = real.shape[1]
    if min(len(real), len(generated)) <= width:
        warnings.warn(
            f"{owner} in {net!r}: {width} features need more than {width} samples of each set for "
            f"covariances of full rank. Received: {len(real)} real, {len(generated)} generated",
            stacklevel=2,
        )
    gap = real.mean(axis=0) - generated.mean(axis=0)
    one, other = _covariance(real), _covariance(generated)
    value = gap @ gap + np.trace(one) + np.trace(other) - 2 * _trace_of_root(one, other)
    # Below 0 by rounding alone, where both sets are the same.
    return _score("FD", max(float(value), 0.0), None, net, real, generated, reference)


def kernel_distance(
    real,
    generated,
    net: str = "features",
    reference: str = "",
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> Score:
    """The squared maximum mean discrepancy of two sets under k(x, y) = (x y / width + 1)^3.

    Without bias, so that it may be below 0 and does not depend on the number of samples; the mean
    and the standard deviation over random subsets. The latter is not the error of the mean.

    Args:
        real, generated, net, reference: As for `frechet_distance`.
        subsets: How many subsets.
        subset_size: How many samples of each set a subset has, drawn without replacement.
        seed: Of the draws.
    Raises: ValueError as `frechet_distance`, and where a set has fewer than `subset_size` samples.
    Reference: Binkowski et al., "Demystifying MMD GANs", ICLR 2018, arXiv:1801.01401.
    """
    owner = "kernel_distance"
    checks.count(owner, subsets=subsets)
    checks.count(owner, 2, subset_size=subset_size)
    real, generated = checks.pair(owner, real, generated)
    if min(len(real), len(generated)) < subset_size:
        raise ValueError(
            f"{owner}: each set must have the subset_size of samples at least: give more, or a "
            f"smaller subset_size. Received: subset_size={subset_size}, {len(real)} real, "
            f"{len(generated)} generated"
        )
    rng = np.random.default_rng(seed)
    values = [
        _mmd(_drawn(rng, real, subset_size), _drawn(rng, generated, subset_size))
        for _ in range(subsets)
    ]
    protocol = f"{subsets} subsets of {subset_size:,}, seed {seed}"
    mean, deviation = float(np.mean(values)), float(np.std(values))
    return _score("KD", mean, deviation, net, real, generated, reference, protocol)


def inception_score(
    probabilities, net: str = "features", *, splits: int = 10, seed: int | None = 0
) -> Score:
    """exp(mean of KL(p(y|x), p(y))) of the classes that a net sees, mean and deviation over splits.

    1 where all images get the same probabilities, the number of classes at most. It knows nothing
    of real images.

    Args:
        probabilities: (samples, classes), each row after a softmax.
        net: What gave them, for the result.
        splits: Into how many parts of (nearly) equal size the samples are split.
        seed: Of the order of the samples; None keeps theirs, as the authors' code does, which is
            wrong where samples are sorted by class.
    Raises: ValueError for rows that are no probabilities, and for fewer samples than splits.
    Reference: Salimans et al., "Improved Techniques for Training GANs", NIPS 2016,
        arXiv:1606.03498.
    """
    owner = "inception_score"
    checks.count(owner, splits=splits)
    given = checks.probabilities(owner, probabilities)
    if len(given) < splits:
        raise ValueError(
            f"{owner}: there must be a sample for each split. "
            f"Received: splits={splits}, {len(given)} samples"
        )
    if seed is not None:
        given = given[np.random.default_rng(seed).permutation(len(given))]
    scores = [np.exp(_divergence(part)) for part in np.array_split(given, splits)]
    order = "in their order" if seed is None else f"shuffled, seed {seed}"
    mean, deviation = float(np.mean(scores)), float(np.std(scores))
    return _score("IS", mean, deviation, net, (), given, "", f"{splits} splits, {order}")


def classification_accuracy_score(
    generated,
    generated_labels,
    real,
    real_labels,
    train: Callable,
    net: str = "classifier",
    reference: str = "",
) -> Score:
    """The accuracy on real images of a classifier that was trained on generated ones alone.

    It borrows no features. Print beside it the score of the same `train` on as many real images.

    Args:
        generated: Generated images, in whatever form `train` takes them.
        generated_labels: The class that each was made for.
        real: Real images that nothing was trained on.
        real_labels: Their classes.
        train: Takes images and labels, returns a function from images to classes, (images,), or
            to scores, (images, classes), of which the largest counts.
        net: What `train` trains, for the result.
        reference: Which real images, for the result.
    Raises: ValueError where labels do not fit the images, or predictions the real ones.
    Reference: Ravuri, Vinyals, "Classification Accuracy Score for Conditional Generative Models",
        NeurIPS 2019, arXiv:1905.10887.
    """
    owner = "classification_accuracy_score"
    given = checks.labels(owner, len(generated), generated_labels=generated_labels)
    wanted = checks.labels(owner, len(real), real_labels=real_labels)
    predicted = np.asarray(train(generated, given)(real))
    if predicted.ndim == 2 and np.isfinite(predicted).all():
        predicted = predicted.argmax(axis=1)
    if predicted.shape != wanted.shape or predicted.dtype.kind not in "ui":
        raise ValueError(
            f"{owner}: the trained function must give a class, or finite scores of all classes, "
            f"for each of the {len(wanted)} real images. "
            f"Received: shape {predicted.shape}, {predicted.dtype}"
        )
    value = float(np.mean(predicted == wanted))
    return _score("CAS", value, None, net, real, generated, reference)


def _score(kind, value, deviation, net, real, generated, reference, protocol="") -> Score:
    counts = len(real), len(generated)
    return Score(f"{kind}-{net}", value, deviation, net, *counts, reference, protocol)


def _covariance(samples: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(samples, rowvar=False))


def _trace_of_root(one: np.ndarray, other: np.ndarray) -> float:
    """tr((C1 C2)^(1/2)), the sum of the singular values of C1^(1/2) C2^(1/2).

    The eigenvalues of C1 C2 would be the squares of these: their rounding errors under a root
    spoil half of the digits, and a root of an unsymmetric product may even be complex.
    """
    return float(np.linalg.svd(_root(one).T @ _root(other), compute_uv=False).sum())


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with C = R R', without the directions that are there by rounding alone."""
    values, vectors = np.linalg.eigh(covariance)
    least = len(values) * np.finfo("float64").eps * max(values[-1], 0)
    kept = values > least
    return vectors[:, kept] * np.sqrt(values[kept])


def _drawn(rng: np.random.Generator, samples: np.ndarray, count: int) -> np.ndarray:
    return samples[rng.choice(len(samples), count, replace=False)]


def _mmd(one: np.ndarray, other: np.ndarray) -> float:
    """Of two subsets of equal size: pairs of different samples within each, all between them."""
    size = len(one)
    within = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(one), _kernel(other)))
    return within / (size * (size - 1)) - 2 * _kernel(one, other).mean()


def _kernel(one: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
    other = one if other is None else other
    base = one @ other.T / one.shape[1] + 1
    return base * base * base


def _divergence(rows: np.ndarray) -> float:
    """The mean over rows of KL(row, mean row), where 0 log 0 is 0."""
    mean = rows.mean(axis=0)
    ratio = np.divide(rows, mean, out=np.ones_like(rows), where=rows > 0)
    return float((rows * np.log(ratio)).sum(axis=1).mean())
