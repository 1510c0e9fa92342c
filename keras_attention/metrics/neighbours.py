"""Precision, recall, density and coverage, from distances to nearest neighbours."""

import numpy as np

from . import checks
from .results import Neighbours

# Distances come from differences of squares: of two that are equal, one may be larger by this
# share of the longest square. Features in float32 do not resolve as little.
ROUNDING = 1e-12


def prdc(
    real,
    generated,
    net: str = "features",
    reference: str = "",
    *,
    k: int = 5,
    block: int = 1024,
) -> Neighbours:
    """How real and generated images lie in each other's balls, which reach to the k-th neighbour.

    precision  the share of generated images within the ball of some real one
    recall     the share of real images within the ball of some generated one
    density    the number of real balls that a generated image lies in, divided by k
    coverage   the share of real balls that hold a generated image

    A neighbour is another image of the same set; a point on a ball's surface is within. Two sets
    that are the same have 1, 1, (k + 1) / k and 1. All four depend on the number of samples, and
    none is enough by itself: uniform noise has a precision of 0.84 in "resnet18w16_cbam_cifar10"
    against CIFAR-10, where the net sees all of it as one thing, and a recall of 0.

    Args:
        real, generated, net, reference: As for `frechet_distance`.
        k: Which neighbour: 5, as Naeem et al.; Kynkaanniemi et al. take 3.
        block: Of how many images the distances to all others are held in memory at a time; no
            number depends on it.
    Raises: ValueError for sets that are no finite features of one width, or have no k-th
        neighbour: k + 1 samples are needed.
    Differs from the code of Naeem et al.: there a point on a ball's surface is outside.
    Reference: Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative
        Models", NeurIPS 2019, arXiv:1904.06991; Naeem et al., "Reliable Fidelity and Diversity
        Metrics for Generative Models", ICML 2020, arXiv:2002.09797.
    """
    checks.count("prdc", k=k)
    checks.count("prdc", block=block)
    real, generated = checks.pair("prdc", real, generated, at_least=k + 1)
    centre = real.mean(axis=0)  # lengths that all share would only cost digits
    real, generated = real - centre, generated - centre
    slack = ROUNDING * max(_squares(real).max(), _squares(generated).max())
    real_reach = _reach(real, k, block) + slack
    generated_reach = _reach(generated, k, block) + slack
    holders = np.zeros(len(generated), "int64")
    recalled, covered = np.empty(len(real), bool), np.empty(len(real), bool)
    for rows in _blocks(len(real), block):
        distances = _distances(real[rows], generated)
        within = distances <= real_reach[rows, None]
        holders += within.sum(axis=0)
        covered[rows] = within.any(axis=1)
        recalled[rows] = (distances <= generated_reach).any(axis=1)
    return Neighbours(
        metric=f"PRDC-{net}",
        precision=float((holders > 0).mean()),
        recall=float(recalled.mean()),
        density=float(holders.mean() / k),
        coverage=float(covered.mean()),
        k=k,
        net=net,
        real=len(real),
        generated=len(generated),
        reference=reference,
        protocol=f"k {k}",
    )


def _reach(samples: np.ndarray, k: int, block: int) -> np.ndarray:
    """The squared distance of each sample to its k-th neighbour, itself not counted."""
    reach = np.empty(len(samples))
    for rows in _blocks(len(samples), block):
        distances = _distances(samples[rows], samples)
        own = np.arange(len(distances))
        distances[own, rows.start + own] = np.inf
        reach[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return reach


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances, (some, others)."""
    distances = some @ others.T
    distances *= -2
    distances += _squares(some)[:, None]
    distances += _squares(others)
    return np.maximum(distances, 0, out=distances)


def _squares(samples: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", samples, samples)


def _blocks(count: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, count)) for start in range(0, count, block)]
