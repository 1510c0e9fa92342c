"""Chains of discrete variables, by writing down every sequence."""

import itertools

import numpy as np

from tests.oracles.maths import dense


def sequences(unary, transitions, start=0, end=0):
    """All sequences of a chain, (K^N, N), and the exponent of each, (K^N,)."""
    size, states = unary.shape
    paths = np.array(list(itertools.product(range(states), repeat=size)))
    scores = np.zeros(len(paths))
    for index, path in enumerate(paths):
        scores[index] = (
            np.broadcast_to(start, states)[path[0]]
            + sum(unary[site, tag] for site, tag in enumerate(path))
            + sum(transitions[pair] for pair in itertools.pairwise(path))
            + np.broadcast_to(end, states)[path[-1]]
        )
    return paths, scores


def log_partition(unary, transitions, start=0, end=0):
    _, scores = sequences(unary, transitions, start, end)
    return scores.max() + np.log(np.exp(scores - scores.max()).sum())


def chain_marginals(unary, transitions, start=0, end=0):
    """p(z_i = k), (N, K), and p(z_i = a, z_{i+1} = b), (N - 1, K, K)."""
    paths, scores = sequences(unary, transitions, start, end)
    chances = np.exp(scores - log_partition(unary, transitions, start, end))
    size, states = unary.shape
    single, pairs = np.zeros((size, states)), np.zeros((size - 1, states, states))
    for path, chance in zip(paths, chances, strict=True):
        single[np.arange(size), path] += chance
        pairs[np.arange(size - 1), path[:-1], path[1:]] += chance
    return single, pairs


def best_path(unary, transitions, start=0, end=0):
    paths, scores = sequences(unary, transitions, start, end)
    return paths[scores.argmax()]


def chain_crf(unary, weights):
    """Lafferty et al. 2001, equation (1), for potentials that are given."""
    potentials = [weights["transitions"], weights.get("start", 0), weights.get("end", 0)]
    p = np.stack([chain_marginals(one, *potentials)[0] for one in unary])
    return p, p.swapaxes(1, 2)


def switches(potentials, transitions):
    """p(z_i = 1) (N,) in a chain with the unary potentials (0, u_i)."""
    unary = np.stack([np.zeros_like(potentials), potentials], axis=-1)
    return chain_marginals(unary, transitions)[0][:, 1]


def structured(inputs, weights, order="raster", normalize=False, scale=1.0, output="pool"):
    """Kim et al. 2017, section 3.1: subsequence selection, on a map along its rows or columns."""
    x, *query = inputs if isinstance(inputs, list) else [inputs]
    potentials = dense(x, weights, "score")[..., 0]
    if query:
        bilinear = query[0] @ weights["query/kernel"]  # (B, C)
        potentials = potentials + np.einsum("b...c,bc->b...", x, bilinear)
    transitions = weights["transitions"]
    p = np.stack([_selected(one, transitions, order) for one in potentials])
    p = p.reshape(len(x), -1)
    if normalize:
        p = p / p.sum(axis=1, keepdims=True)
    p = scale * p
    weighted = x * p.reshape(*x.shape[:-1], 1)
    y = weighted.sum(axis=tuple(range(1, x.ndim - 1))) if output == "pool" else weighted
    return y, p[:, None]


def _selected(potentials, transitions, order):
    if order == "raster":
        return switches(potentials.ravel(), transitions).reshape(potentials.shape)
    rows = np.stack([switches(row, transitions) for row in potentials])
    columns = np.stack([switches(column, transitions) for column in potentials.T]).T
    return {"rows": rows, "columns": columns, "axial": (rows + columns) / 2}[order]
