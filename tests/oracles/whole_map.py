"""Attention over the whole map."""

import numpy as np

from tests.oracles.maths import batch_norm, dense, relu, sigmoid, softmax

# Positions. Maps and videos are flattened row-major to (batch, positions, channels).


def flat(x):
    return x.reshape(x.shape[0], -1, x.shape[-1])


def halved(x):
    """Maxima of pairs along the last two axes in space; of a sequence, along its only one."""
    for axis in range(max(1, x.ndim - 3), x.ndim - 1):
        x = np.maximum.reduceat(x, np.arange(0, x.shape[axis], 2), axis=axis)
    return x


def attention(query, key, value, scale=1.0):
    """softmax(scale q k^T) v and the weights, with one head."""
    weights = softmax(scale * np.einsum("bid,bjd->bij", query, key))
    return np.einsum("bij,bjd->bid", weights, value), weights[:, None]


# Non-local, with its relatives.


def non_local(x, weights, mode="embedded_gaussian", scale=False, subsample=False, use_norm=True):
    """Wang et al. 2018, equations (1) to (6)."""
    pooled = halved if subsample else lambda part: part
    value = flat(pooled(dense(x, weights, "value")))
    if mode == "gaussian":
        query, key = flat(x), flat(pooled(x))
    else:
        query = flat(dense(x, weights, "theta"))
        key = flat(pooled(dense(x, weights, "phi")))
    count = key.shape[1]
    if mode in ("embedded_gaussian", "gaussian"):
        y, scores = attention(query, key, value, query.shape[-1] ** -0.5 if scale else 1.0)
    else:
        f = np.zeros((x.shape[0], query.shape[1], count))
        for i in range(query.shape[1]):
            for j in range(count):
                if mode == "dot_product":
                    f[:, i, j] = (query[:, i] * key[:, j]).sum(-1) / count
                else:
                    both = np.concatenate([query[:, i], key[:, j]], axis=-1)
                    f[:, i, j] = relu(both @ weights["relation"]) / count
        y, scores = f @ value, f[:, None]
    y = dense(y, weights, "out")
    if use_norm:
        y = batch_norm(y, weights, "norm", 1e-5)
    return x + y.reshape(x.shape), scores


def spectral(weights, name):
    """The kernel divided by the estimate |W u| of its largest singular value, |u| = 1."""
    kernel, u = weights[f"{name}/kernel"], weights[f"{name}/u"]
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return kernel / np.linalg.norm(matrix @ (u / np.linalg.norm(u)))


def sagan(x, weights, pool=True, use_projection=True, spectral_norm=True):
    """Zhang et al. 2019, equations (1) to (3)."""

    def project(z, name):
        kernel = spectral(weights, name) if spectral_norm else weights[f"{name}/kernel"]
        return z @ kernel + weights.get(f"{name}/bias", 0)

    query, key, value = (project(x, name) for name in ("query", "key", "value"))
    if pool:
        key, value = halved(key), halved(value)
    y, scores = attention(flat(query), flat(key), flat(value))
    if use_projection:
        y = project(y, "out")
    return x + weights["gamma"] * y.reshape(x.shape), scores


# DANet.


def position(x, weights, name=""):
    """Fu et al. 2019, equations (1) and (2)."""
    tokens = flat(x)
    query, key, value = (
        dense(tokens, weights, f"{name}{part}") for part in ("query", "key", "value")
    )
    y, scores = attention(query, key, value)
    return x + weights[f"{name}gamma"] * y.reshape(x.shape), scores


def channel_affinity(x, weights, name=""):
    """Fu et al. 2019, equations (3) and (4), with the sign of the authors' code."""
    rows = np.swapaxes(flat(x), 1, 2)  # (batch, channels, positions)
    energy = rows @ np.swapaxes(rows, 1, 2)
    scores = softmax(energy.max(-1, keepdims=True) - energy)
    y = np.swapaxes(scores @ rows, 1, 2)
    return x + weights[f"{name}gamma"] * y.reshape(x.shape), scores[:, None]


def dual(x, weights):
    """Fu et al. 2019, section 3.4: the sum of what both add."""
    over_positions, position_scores = position(x, weights, "position_attention/")
    over_channels, channel_scores = channel_affinity(x, weights, "channel_attention/")
    y = over_positions + over_channels - x
    return y, {"position": position_scores, "channel": channel_scores}


def double(x, weights):
    """Chen et al. 2018, equations (2) to (4): gather a vector per map, then distribute them."""
    tokens = flat(x)
    feature, gather, distribute = (
        dense(tokens, weights, name) for name in ("feature", "gather", "distribute")
    )
    batch, positions, maps = gather.shape
    gathered = np.zeros((batch, maps, feature.shape[-1]))
    for m in range(maps):
        share = softmax(gather[:, :, m])
        gathered[:, m] = (share[..., None] * feature).sum(axis=1)
    y = np.zeros_like(tokens)
    scores = np.zeros((batch, 1, positions, positions))
    for n in range(positions):
        mixture = softmax(distribute[:, n])
        y[:, n] = dense((mixture[..., None] * gathered).sum(axis=1), weights, "out")
        for m in range(maps):
            scores[:, 0, n] += mixture[:, m, None] * softmax(gather[:, :, m])
    return x + y.reshape(x.shape), scores


# Rows and columns.


def criss_cross(x, weights, recurrence=2):
    """Huang et al. 2019, equations (1) and (2), a position at a time."""
    batch, height, width, _ = x.shape
    for _ in range(recurrence):
        query, key, value = (dense(x, weights, name) for name in ("query", "key", "value"))
        y, scores = np.zeros_like(x), np.zeros((batch, height, width, height, width))
        for i in range(height):
            for j in range(width):
                cross = [(i, v) for v in range(width)]
                cross += [(g, j) for g in range(height) if g != i]
                rows, columns = map(list, zip(*cross, strict=True))
                logits = np.einsum("bd,bkd->bk", query[:, i, j], key[:, rows, columns])
                shares = softmax(logits)
                scores[:, i, j, rows, columns] = shares
                y[:, i, j] = np.einsum("bk,bkc->bc", shares, value[:, rows, columns])
        x = x + weights["gamma"] * y
    return x, scores.reshape(batch, 1, height * width, height * width)


def axial(x, weights, num_heads, mode="sequential"):
    """Ho et al. 2019, section 3.1: attention within each column, and within each row."""
    along_height, height = one_axis(x, weights, num_heads, "height")
    given = along_height if mode == "sequential" else x
    along_width, width = one_axis(given, weights, num_heads, "width")
    y = along_width if mode == "sequential" else along_height + along_width
    return y, {"height": height, "width": width}


def one_axis(x, weights, num_heads, axis):
    batch, height, width, _ = x.shape
    y = np.zeros_like(x)
    scores = np.zeros((batch, num_heads, height, width, height, width))
    for line in range(width if axis == "height" else height):
        place = np.s_[:, :, line] if axis == "height" else np.s_[:, line]
        tokens = x[place]
        query = dense(tokens, weights, f"{axis}_query")
        key, value = np.split(dense(tokens, weights, f"{axis}_key_value"), 2, axis=-1)
        size = query.shape[-1] // num_heads
        mixed = []
        for head in range(num_heads):
            part = np.s_[..., head * size : (head + 1) * size]
            one, shares = attention(query[part], key[part], value[part], size**-0.5)
            mixed.append(one)
            if axis == "height":
                scores[:, head, :, line, :, line] = shares[:, 0]
            else:
                scores[:, head, line, :, line, :] = shares[:, 0]
        y[place] = dense(np.concatenate(mixed, axis=-1), weights, f"{axis}_out")
    positions = height * width
    return y, scores.reshape(batch, num_heads, positions, positions)


def bilinear(x, weights, num_blocks, groups):
    """Chi et al. 2020, section 3; lines beyond the map are left out of its sums and maxima."""

    def unit(z, name):
        return relu(batch_norm(dense(z, weights, name), weights, f"{name}_norm", 1e-5))

    z = unit(x, "squeeze")
    maps = unit(z, "describe")
    p = shares_of_lines(maps.max(2), weights, "rows", num_blocks, groups)
    q = shares_of_lines(maps.max(1), weights, "columns", num_blocks, groups)
    z = z.reshape(*z.shape[:3], groups, -1)
    y = np.einsum("bgih,bhwgc,bgwj->bijgc", p, z, q).reshape(*x.shape[:3], -1)
    scores = np.einsum("bgih,bgwj->bgijhw", p, q)
    batch, height, width, _ = x.shape
    positions = height * width
    y = x + unit(unit(y, "mix"), "expand")
    return y, scores.reshape(batch, groups, positions, positions)


def shares_of_lines(maxima, weights, name, num_blocks, groups):
    """P of the maxima (B, rows, groups) of all rows, or Q of those of all columns."""
    batch, lines, _ = maxima.shape
    places = int(np.ceil(lines / num_blocks))
    strips = np.zeros((batch, num_blocks, groups))
    for line in range(lines):
        block = line // places
        strips[:, block] = np.maximum(strips[:, block], maxima[:, line])
    gates = sigmoid(dense(strips.reshape(batch, -1), weights, name))
    gates = gates.reshape(batch, groups, num_blocks, num_blocks)
    shares = np.zeros((batch, groups, lines, lines))
    for i in range(lines):
        for j in range(lines):
            if i % places == j % places:
                shares[:, :, i, j] = gates[:, :, i // places, j // places]
    return shares / shares.sum(-1 if name == "rows" else -2, keepdims=True)


# Memory and places.


def external(x, weights, epsilon=1e-9):
    """Guo et al. 2022, equations (5) and (6), with their double normalisation."""
    logits = flat(x) @ weights["memory_key"]
    shares = softmax(logits, axis=1)
    shares = shares / (epsilon + shares.sum(axis=2, keepdims=True))
    return (shares @ weights["memory_value"]).reshape(x.shape), shares[:, None]


def deformable(x, weights, num_heads, num_points):
    """Zhu et al. 2021, equation (2), a query at a time."""
    batch, height, width, channels = x.shape
    value = dense(x, weights, "value").reshape(batch, height, width, num_heads, -1)
    offsets = dense(x, weights, "offsets").reshape(batch, height, width, num_heads, num_points, 2)
    logits = dense(x, weights, "attention_logits")
    shares = softmax(logits.reshape(batch, height, width, num_heads, num_points))
    y = np.zeros_like(value)
    for b, i, j, head, point in np.ndindex(shares.shape):
        across, down = offsets[b, i, j, head, point]
        # A pixel counts by its distance: nothing from one on.
        near_rows = np.maximum(0, 1 - np.abs(np.arange(height) - (i + down)))
        near_columns = np.maximum(0, 1 - np.abs(np.arange(width) - (j + across)))
        sampled = near_rows @ np.einsum("v,gvd->gd", near_columns, value[b, :, :, head])
        y[b, i, j, head] += shares[b, i, j, head, point] * sampled
    scores = np.moveaxis(shares.reshape(batch, height * width, num_heads, num_points), 2, 1)
    return dense(y.reshape(batch, height, width, channels), weights, "out"), scores
