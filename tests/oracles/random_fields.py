"""Random fields on maps: mean field site by site, and exact results for small grids."""

import itertools

import numpy as np

from tests.oracles.maths import dense, softmax

# The grid of neighbours, for one map: unary (H, W, K), the potentials [from, to].


def neighbours(q, right, down, row, column):
    """What the neighbours of a site say about its states."""
    height, width, states = q.shape
    said = np.zeros(states)
    if column > 0:
        said += q[row, column - 1] @ right
    if column < width - 1:
        said += right @ q[row, column + 1]
    if row > 0:
        said += q[row - 1, column] @ down
    if row < height - 1:
        said += down @ q[row + 1, column]
    return said


def mean_field_grid(unary, right, down, iterations, damping=0.0):
    """All sites at once."""
    q = softmax(unary)
    for _ in range(iterations):
        new = np.zeros_like(q)
        for row, column in np.ndindex(*q.shape[:2]):
            said = neighbours(q, right, down, row, column)
            new[row, column] = softmax(unary[row, column] + said)
        q = (1 - damping) * new + damping * q
    return q


def coordinate_ascent(unary, right, down, sweeps):
    """One site after the other, each from the newest of the others: q after every step."""
    q = softmax(unary)
    yield q.copy()
    for _ in range(sweeps):
        for row, column in np.ndindex(*q.shape[:2]):
            said = neighbours(q, right, down, row, column)
            q[row, column] = softmax(unary[row, column] + said)
            yield q.copy()


def elbo(q, unary, right, down):
    """The expected exponent plus the entropy, at most log Z."""
    expected = (q * unary).sum()
    expected += np.einsum("ijk,kl,ijl->", q[:, :-1], right, q[:, 1:])
    expected += np.einsum("ijk,kl,ijl->", q[:-1], down, q[1:])
    return expected - (q * np.log(q)).sum()


def exact_grid(unary, right, down):
    """log Z and the marginals (H, W, K), by writing down every labelling."""
    height, width, states = unary.shape
    flat = unary.reshape(-1, states)
    labels = np.array(list(itertools.product(range(states), repeat=height * width)))
    scores = flat[np.arange(height * width), labels].sum(axis=1)
    maps = labels.reshape(-1, height, width)
    scores += right[maps[:, :, :-1], maps[:, :, 1:]].sum(axis=(1, 2))
    scores += down[maps[:, :-1], maps[:, 1:]].sum(axis=(1, 2))
    log_z = scores.max() + np.log(np.exp(scores - scores.max()).sum())
    chances = np.exp(scores - log_z)
    p = np.stack([(chances[:, None] * (labels == k)).sum(axis=0) for k in range(states)], axis=-1)
    return log_z, p.reshape(unary.shape)


def transfer_matrix(unary, right, down):
    """The same by forward and backward sums over the states of a whole column."""
    height, width, states = unary.shape
    columns = np.array(list(itertools.product(range(states), repeat=height)))
    inside = down[columns[:, :-1], columns[:, 1:]].sum(axis=1)
    step = np.exp(right[columns[:, None], columns[None]].sum(axis=-1))
    alone = [
        np.exp(inside + unary[np.arange(height), x, columns].sum(axis=1)) for x in range(width)
    ]
    forward, backward = [alone[0]], [np.ones(len(columns))]
    for x in range(1, width):
        forward.append((forward[-1] @ step) * alone[x])
        backward.insert(0, step @ (backward[0] * alone[width - x]))
    total = forward[-1].sum()
    p = np.zeros(unary.shape)
    for x, k in np.ndindex(width, states):
        p[:, x, k] = (forward[x] * backward[x]) @ (columns == k) / total
    return np.log(total), p


def grid_crf(x, weights, iterations=5, damping=0.0, output="gate"):
    """Zhu et al. 2017, section 3.2, with potentials that do not depend on the features."""
    unary = dense(x, weights, "unary")
    right = weights["right"]
    down = weights.get("down", right)
    q = np.stack([mean_field_grid(one, right, down, iterations, damping) for one in unary])
    chosen = x * q[..., 1:2]
    y = {"gate": chosen, "pool": chosen.sum(axis=(1, 2)), "marginals": q}[output]
    return y, q[..., 1]


# Windows.


def conv_crf(
    inputs,
    weights,
    filter_size=11,
    blur=1,
    iterations=5,
    spatial_std=3,
    spatial_weight=3,
    color_std=13,
    color_weight=10,
    color_position_std=None,
    unary_weight=1,
    initial="softmax",
):
    """Teichmann and Cipolla 2019, equations (2) to (5), as one N x N matrix for each image.

    The squares of `blur`, the start and the order of the steps are the published code's.
    """
    logits, image = inputs
    learned = [weights.get("spatial_std", spatial_std), weights.get("color_std", color_std)]
    factors = (
        weights.get("spatial_weight", spatial_weight),
        weights.get("color_weight", color_weight),
    )
    batch, height, width, classes = logits.shape
    place = np.stack(np.mgrid[:height, :width], axis=-1).astype("float64")
    y, kernels = np.zeros(logits.shape), []
    for index in range(batch):
        place_of, color_of = shrink(place, blur), shrink(image[index], blur)
        far = np.abs(_differences(_squares(height, width, blur))).max(axis=-1)
        near = _gaussian(place_of / learned[0])
        like = _gaussian(color_of / learned[1])
        if color_position_std is not None:
            like = like * _gaussian(place_of / color_position_std)
        kernel = (factors[0] * near + factors[1] * like) * (far <= filter_size // 2)
        kernels.append(kernel)
        unary = np.log(softmax(logits[index]))
        q = unary if initial == "log_softmax" else softmax(unary)
        w = weights["update_weight"]
        for _ in range(iterations):
            small = shrink(q, blur)
            message = (kernel @ small.reshape(-1, classes)).reshape(small.shape)
            y[index] = (unary_weight - w) * unary + w * expand(message, blur, height, width)
            q = softmax(y[index])
    return y, np.stack(kernels)[:, None]


def _squares(height, width, blur):
    """The row and column of each square."""
    rows, columns = -(-height // blur), -(-width // blur)
    return np.stack(np.mgrid[:rows, :columns], axis=-1).astype("float64")


def _differences(features):
    flat = features.reshape(-1, features.shape[-1])
    return flat[:, None] - flat[None]


def _gaussian(features):
    return np.exp(-0.5 * (_differences(features) ** 2).sum(axis=-1))


def first_square(size, blur):
    """Where the first square starts, at 0 or before: the squares stick out on both sides."""
    missing = -size % blur
    return -((missing + 1) // 2)


def shrink(x, blur):
    """Each square's mean over the pixels it has."""
    height, width, channels = x.shape
    y = np.zeros((-(-height // blur), -(-width // blur), channels))
    for row, column in np.ndindex(*y.shape[:2]):
        top = first_square(height, blur) + row * blur
        left = first_square(width, blur) + column * blur
        part = x[max(top, 0) : top + blur, max(left, 0) : left + blur]
        y[row, column] = part.mean(axis=(0, 1))
    return y


def expand(x, blur, height, width):
    """Linear interpolation between the centres of the squares, and their values beyond."""
    centres = [
        first_square(size, blur) + blur * (np.arange(count) + 0.5) - 0.5
        for size, count in zip((height, width), x.shape[:2], strict=True)
    ]
    y = np.zeros((height, width, x.shape[-1]))
    for channel in range(x.shape[-1]):
        rows = [np.interp(np.arange(height), centres[0], one) for one in x[..., channel].T]
        columns = [np.interp(np.arange(width), centres[1], one) for one in np.array(rows).T]
        y[..., channel] = columns
    return y
