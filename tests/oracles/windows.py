"""Attention in windows, grids and blocks, in whole maps with relative terms, and by lambdas.

A position is a pair (row, column); which keys a query sees, and what their offset adds, is written
out for each pair.
"""

import itertools
import math

import numpy as np

from tests.oracles.maths import batch_norm, dense, relu, sigmoid, softmax


def positions(height, width):
    return list(itertools.product(range(height), range(width)))


def flat(x):
    """(B, H, W, C) -> (B, N, C)."""
    return x.reshape(x.shape[0], -1, x.shape[-1])


def heads_of(x, heads):
    """(B, N, heads * d) -> (B, heads, N, d)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def joined(x):
    """(B, heads, N, d) -> (B, N, heads * d)."""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def padded(x, size):
    """With zeros at the bottom and the right, up to multiples of `size`."""
    below, right = (-side % size for side in x.shape[1:3])
    return np.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))


def attention(query, key, value, position, seen, scale):
    """softmax over the seen keys, for heads (B, heads, N, d)."""
    logits = scale * np.einsum("bhid,bhjd->bhij", query, key) + position
    weights = softmax(np.where(seen, logits, -np.inf))
    return joined(np.einsum("bhij,bhjd->bhid", weights, value)), weights


def averaged(y, strides):
    """The mean of each block of a map (B, H, W, C), of what there is of it at the far sides."""
    rows, columns = (math.ceil(side / strides) for side in y.shape[1:3])
    z = np.zeros((y.shape[0], rows, columns, y.shape[-1]))
    for i, j in positions(rows, columns):
        area = (slice(i * strides, (i + 1) * strides), slice(j * strides, (j + 1) * strides))
        z[:, i, j] = y[:, area[0], area[1]].mean(axis=(1, 2))
    return z


# Partitions: windows, blocks and grids.


def window(
    x,
    weights,
    window_size,
    shift=0,
    num_heads=2,
    version=1,
    pretrained_window=None,
    mask_padding=False,
):
    """Liu et al. 2021, equation (4); Liu et al. 2022, equations (2) to (4).

    A shifted window that the edge cuts in two is two windows.
    """
    sides = padded(x, window_size).shape[1:3]
    shifts = [0 if window_size >= side else shift for side in sides]

    def part(position):
        return tuple((p - s) // window_size for p, s in zip(position, shifts, strict=True))

    def member(position):
        return position

    if version == 1:
        position_term = _from_table(weights["position_bias"], window_size)
    else:
        position_term = _from_perceptron(weights, pretrained_window or window_size)
    return _in_parts(
        x, weights, window_size, num_heads, part, member, position_term, version, mask_padding
    )


def block(x, weights, window_size, num_heads=2):
    """Tu et al. 2022, block attention: windows, and zeros that fill them up are not attended to."""
    return window(x, weights, window_size, num_heads=num_heads, mask_padding=True)


def grid(x, weights, grid_size, num_heads=2):
    """Tu et al. 2022, grid attention: positions H / g and W / g apart are one group."""
    steps = [side // grid_size for side in padded(x, grid_size).shape[1:3]]

    def part(position):
        return tuple(p % step for p, step in zip(position, steps, strict=True))

    def member(position):
        return tuple(p // step for p, step in zip(position, steps, strict=True))

    term = _from_table(weights["position_bias"], grid_size)
    return _in_parts(x, weights, grid_size, num_heads, part, member, term, 1, True)


def _in_parts(x, weights, size, num_heads, part, member, position_term, version, mask_padding):
    """Equal `part(position)` attend to each other; `member(position)` counts within the part."""
    full = padded(x, size)
    places = positions(*full.shape[1:3])
    real = np.array([i < x.shape[1] and j < x.shape[2] for i, j in places])
    seen = np.array([[part(one) == part(other) for other in places] for one in places])
    if mask_padding:
        seen &= real[None, :] | ~real[:, None]
    position = np.zeros((num_heads, len(places), len(places)))
    for i, j in zip(*np.nonzero(seen), strict=True):
        position[:, i, j] = position_term(np.subtract(member(places[i]), member(places[j])))
    query, key, value = _query_key_value(flat(full), weights, num_heads, version)
    scale = query.shape[-1] ** -0.5
    if version == 2:
        # Of zeros that fill up a window the keys have no length.
        norms = [np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12) for z in (query, key)]
        query, key = query / norms[0], key / norms[1]
        scale = np.exp(np.minimum(weights["logit_scale"], np.log(100)))
    y, scores = attention(query, key, value, position, seen, scale)
    y = dense(y, weights, "proj")[:, real].reshape(x.shape)
    return y, scores[:, :, real][:, :, :, real]


def _query_key_value(x, weights, num_heads, version):
    kernels = np.split(weights["qkv/kernel"], 3, axis=1)
    none = np.zeros(x.shape[-1])
    biases = np.split(weights.get("qkv/bias", np.tile(none, 3)), 3)
    if version == 2:
        biases = [weights.get("query_bias", none), none, weights.get("value_bias", none)]
    return [
        heads_of(x @ kernel + bias, num_heads) for kernel, bias in zip(kernels, biases, strict=True)
    ]


def _from_table(table, size):
    square = table.reshape(2 * size - 1, 2 * size - 1, -1)
    return lambda offset: square[offset[0] + size - 1, offset[1] + size - 1]


def _from_perceptron(weights, pretrained):
    def term(offset):
        scaled = 8 * offset / (pretrained - 1)
        spaced = np.sign(scaled) * np.log2(1 + np.abs(scaled)) / np.log2(8)
        return 16 * sigmoid(dense(relu(dense(spaced, weights, "cpb_hidden")), weights, "cpb_out"))

    return term


# Relative terms for rows and columns.


def bottleneck(x, weights, num_heads=2, key_dim=None, strides=1, scale_position=True):
    """Srinivas et al. 2021, figure 4."""
    batch, height, width, _ = x.shape
    widths = key_dim or weights["height_table"].shape[1]
    ends = num_heads * widths, 2 * num_heads * widths
    parts = np.split(dense(flat(x), weights, "qkv"), ends, axis=-1)
    query, key, value = (heads_of(part, num_heads) for part in parts)
    scale = widths**-0.5
    places = positions(height, width)
    position = np.zeros((batch, num_heads, len(places), len(places)))
    for (i, one), (j, other) in itertools.product(enumerate(places), repeat=2):
        down, right = np.subtract(other, one)
        r = weights["height_table"][down + height - 1] + weights["width_table"][right + width - 1]
        position[..., i, j] = query[:, :, i] @ r
    position *= scale if scale_position else 1
    y, scores = attention(query, key, value, position, True, scale)
    return averaged(y.reshape(batch, height, width, -1), strides), scores


def halo(
    x,
    weights,
    block_size,
    halo_size,
    num_heads=2,
    strides=1,
    mask_padding=True,
    scale_position=True,
):
    """Vaswani et al. 2021, blocked local attention; queries are taken one by one."""
    batch, height, width, _ = x.shape
    span = block_size + 2 * halo_size
    d = weights["height_table"].shape[1]
    query = dense(x, weights, "query").reshape(batch, height, width, num_heads, d)
    margin = ((0, 0), (halo_size, span), (halo_size, span), (0, 0))
    both = np.pad(dense(x, weights, "key_value"), margin)
    key = both[..., : num_heads * d].reshape(*both.shape[:3], num_heads, d)
    value = both[..., num_heads * d :].reshape(*both.shape[:3], num_heads, -1)
    inside = np.pad(np.ones((height, width)), margin[1:3])
    rows, columns = range(0, height, strides), range(0, width, strides)
    y = np.zeros((batch, len(rows), len(columns), num_heads * value.shape[-1]))
    scores = np.zeros((batch, num_heads, len(rows), len(columns), *inside.shape))
    for (a, i), (b, j) in itertools.product(enumerate(rows), enumerate(columns)):
        area = tuple(slice(p - p % block_size, p - p % block_size + span) for p in (i, j))
        q, keys = query[:, i, j], key[:, area[0], area[1]]
        down = weights["height_table"][np.arange(span) - i % block_size + span - 1]
        right = weights["width_table"][np.arange(span) - j % block_size + span - 1]
        position = np.einsum("bhd,uvd->bhuv", q, down[:, None] + right[None, :])
        position *= d**-0.5 if scale_position else 1
        logits = d**-0.5 * np.einsum("bhd,buvhd->bhuv", q, keys) + position
        if mask_padding:
            logits = np.where(inside[area] > 0, logits, -np.inf)
        a_ij = softmax(logits.reshape(batch, num_heads, -1)).reshape(logits.shape)
        scores[:, :, a, b, area[0], area[1]] = a_ij
        y[:, a, b] = np.einsum("bhuv,buvhe->bhe", a_ij, value[:, area[0], area[1]]).reshape(
            batch, -1
        )
    scores = scores[..., halo_size : halo_size + height, halo_size : halo_size + width]
    return y, scores.reshape(batch, num_heads, len(rows) * len(columns), height * width)


def lambdas(x, weights, num_heads=2, key_dim=4, strides=1, epsilon=1e-5):
    """Bello 2021: content and position lambdas, applied to queries of several heads."""
    batch, height, width, _ = x.shape
    ends = num_heads * key_dim, (num_heads + 1) * key_dim
    query, key, value = np.split(dense(flat(x), weights, "qkv"), ends, axis=-1)
    query = heads_of(batch_norm(query, weights, "query_norm", epsilon), num_heads)
    value = batch_norm(value, weights, "value_norm", epsilon)
    keys = softmax(key, axis=1)
    kernel = weights["position/kernel"][:, :, 0]
    reach = np.array(kernel.shape[:2]) // 2
    places = positions(height, width)
    embedding = np.zeros((len(places), len(places), key_dim))
    for (n, one), (m, other) in itertools.product(enumerate(places), repeat=2):
        offset = np.subtract(other, one)
        if (abs(offset) <= reach).all():
            embedding[n, m] = kernel[tuple(offset + reach)]
    content = np.einsum("bmk,bmv->bkv", keys, value)
    position = np.einsum("nmk,bmv->bnkv", embedding, value)
    position += weights.get("position/bias", np.zeros(key_dim))[:, None]
    y = joined(np.einsum("bnkv,bhnk->bhnv", content[:, None] + position, query))
    scores = np.einsum("bhnk,bnmk->bhnm", query, keys[:, None] + embedding)
    return averaged(y.reshape(batch, height, width, -1), strides), scores
