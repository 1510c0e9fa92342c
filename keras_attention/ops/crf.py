"""Exact inference in linear chains by associative scans: O(N K^3) work at O(log N) depth.

A chain z_1 ... z_N over K states has p(z) proportional to exp(sum_i E_i[z_{i-1}, z_i]), where the
edges E (B, N, K, K) are [from, to] in their last axes, and all states are as good for the z_0 that
nobody asks for. `edges_of` makes them from unary and transition potentials. N must be known. All in
float32.
"""

from keras import ops

# The logarithm of no chance at all; finite, since minus infinity makes NaN in gradients.
NEVER = -1e9


def length_mask(lengths, size: int):
    """Booleans (B, size), True at the first `lengths` (B,) sites."""
    return ops.arange(size, dtype="int32") < ops.cast(lengths, "int32")[:, None]


def edges_of(unary, transitions, start=None, end=None, mask=None):
    """The edges of sum_i u_i(z_i) + sum_i T(z_i, z_{i+1}) + start(z_1) + end(z_N).

    Sites that are masked do not exist: their neighbours are neighbours of each other, `start` and
    `end` meet the first and the last site that is left, and what stands there changes nothing. A
    masked site repeats the state of the one before it.

    Args:
        unary: (B, N, K). transitions: (K, K), [from, to]. start, end: (K,), or None for zeros.
        mask: Boolean (B, N), True for the sites that exist; None: all do.
    """
    unary = ops.cast(unary, "float32")
    if mask is None:
        mask = ops.ones_like(unary[..., 0], dtype="bool")
    count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    is_first = ops.logical_and(mask, count == 1)[..., None]
    is_last = ops.logical_and(mask, count == count[:, -1:])[..., None]
    if start is not None:
        unary = unary + ops.where(is_first, ops.cast(start, "float32"), 0.0)
    if end is not None:
        unary = unary + ops.where(is_last, ops.cast(end, "float32"), 0.0)
    to = unary[..., None, :]
    edges = to + ops.where(is_first[..., None], 0.0, ops.cast(transitions, "float32"))
    repeat = NEVER * (1.0 - ops.eye(unary.shape[-1]))
    return ops.where(mask[..., None, None], edges, repeat)


def associative_scan(combine, x, reverse: bool = False):
    """x_1, x_1 x_2, x_1 x_2 x_3, ... along axis 1, of a known size; or from the end, reversed.

    `combine(done, next)` must be associative. It is called with halves of `x`, so about
    2 log2(size) times. (On torch the scan of Keras returns float32 on the CPU, whatever it is of.)
    """
    if reverse:
        return ops.flip(associative_scan(combine, ops.flip(x, axis=1)), axis=1)
    size = x.shape[1]
    if size == 1:
        return x
    odd = associative_scan(combine, combine(x[:, : size - 1 : 2], x[:, 1::2]))
    even = x[:, :1]
    if size > 2:
        rest = combine(odd[:, : (size - 1) // 2], x[:, 2::2])
        even = ops.concatenate([even, rest], axis=1)
    both = ops.stack([even[:, : size // 2], odd], axis=2)
    both = ops.reshape(both, (-1, size // 2 * 2, *x.shape[2:]))
    return both if size % 2 == 0 else ops.concatenate([both, even[:, -1:]], axis=1)


def log_product(left, right):
    """The matrix product in the log semiring: logsumexp_j left[i, j] + right[j, k]."""
    return ops.logsumexp(left[..., :, :, None] + right[..., None, :, :], axis=-2)


def max_product(left, right):
    """The matrix product in (max, +): max_j left[i, j] + right[j, k]."""
    return ops.max(left[..., :, :, None] + right[..., None, :, :], axis=-2)


def _scan(edges, product, reverse=False):
    """The products of the edges up to each one, or from each one on, each up to a constant.

    Taking the largest entry away keeps them of one size, and precise, in a chain of any length.
    """

    def combine(done, edge):
        both = product(edge, done) if reverse else product(done, edge)
        return both - ops.stop_gradient(ops.max(both, axis=(-2, -1), keepdims=True))

    return associative_scan(combine, edges, reverse)


def prefixes(edges, product=log_product):
    """alpha (B, N, K): the sum, or maximum, over all ways to a state, up to a constant per site."""
    summed = ops.logsumexp if product is log_product else ops.max
    return summed(_scan(edges, product), axis=-2)


def suffixes(edges):
    """beta (B, N, K): the sum over all ways on from a state, up to a constant per site."""
    following = ops.logsumexp(_scan(edges, log_product, reverse=True), axis=-1)
    return ops.concatenate([following[:, 1:], ops.zeros_like(following[:, :1])], axis=1)


def _shifted(alpha):
    """For each site the alpha of the one before it, and zeros before the first."""
    return ops.concatenate([ops.zeros_like(alpha[:, :1]), alpha[:, :-1]], axis=1)


def log_partition(edges):
    """log Z (B,): the sum over the sites of what each adds to the ways so far, of which 1 in all.

    Such a sum keeps the precision that one large logarithm would lose.
    """
    before = _shifted(prefixes(edges))
    before = before - ops.logsumexp(before, axis=-1, keepdims=True)
    return ops.sum(ops.logsumexp(before[..., None] + edges, axis=(-2, -1)), axis=-1)


def _normalised(logits, axis):
    """exp(logits), scaled to sum to 1; `ops.softmax` warns of a single state."""
    chances = ops.exp(logits - ops.stop_gradient(ops.max(logits, axis=axis, keepdims=True)))
    return chances / ops.sum(chances, axis=axis, keepdims=True)


def marginals(edges):
    """p(z_i = k), (B, N, K); at masked sites it repeats the site before."""
    return _normalised(prefixes(edges) + suffixes(edges), axis=-1)


def pairwise_marginals(edges):
    """p(z_i = a, z_{i+1} = b), (B, N - 1, K, K)."""
    joint = _shifted(prefixes(edges))[..., None] + edges + suffixes(edges)[..., None, :]
    return _normalised(joint, axis=(-2, -1))[:, 1:]


def path_score(edges, tags, mask=None):
    """The sum of potentials (B,) along `tags` (B, N), integers below K, free at masked sites."""
    tags = ops.cast(tags, "int32")
    if mask is not None:  # the tag of the nearest site before that exists, so that none changes
        sites = ops.where(mask, ops.arange(tags.shape[1], dtype="int32"), 0)
        latest = associative_scan(ops.maximum, sites)
        tags = ops.take_along_axis(ops.where(mask, tags, 0), latest, axis=1)
    to = ops.one_hot(tags, edges.shape[-1], dtype="float32")
    before = ops.concatenate([to[:, :1], to[:, :-1]], axis=1)
    return ops.sum(before[..., None] * edges * to[..., None, :], axis=(1, 2, 3))


def viterbi(edges):
    """A most probable sequence (B, N) as int32; of several it is one, not a mixture.

    The best state before each state is a map from states to states; the scan composes these maps
    from the end, so that they lead from the best last state to the best one of every site.
    """
    alpha = prefixes(edges, max_product)
    best_before = ops.argmax(_shifted(alpha)[..., None] + edges, axis=-2)  # (B, N, K)
    last = ops.cast(ops.argmax(alpha[:, -1:], axis=-1), "int32")  # (B, 1)

    def compose(later, earlier):
        return ops.take_along_axis(earlier, later, axis=-1)

    maps = associative_scan(compose, ops.cast(best_before, "int32"), reverse=True)
    at_last = ops.one_hot(last, edges.shape[-1], dtype="int32")  # (B, 1, K)
    return ops.concatenate([ops.sum(maps[:, 1:] * at_last, axis=-1), last], axis=1)
