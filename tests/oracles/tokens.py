"""Fewer tokens: one image and one token after the other."""

import math

import numpy as np


def token_merge(inputs, weights, r, prefix=1):
    """Bolya et al. 2023, section 3: sort the pairs, then put their tokens into groups."""
    tokens, *others = inputs if isinstance(inputs, list) else [inputs]
    metric = others[0] if others else tokens
    sizes = others[1] if len(others) > 1 else np.ones(tokens.shape[:2])
    images = [_merged(*image, r, prefix) for image in zip(tokens, metric, sizes, strict=True)]
    y, size, merge = map(np.stack, zip(*images, strict=True))
    return [y, size], merge[:, None]


def _merged(tokens, metric, sizes, r, prefix):
    count = len(tokens)
    pairs = []
    for a in range(0, count, 2):
        cosines = {b: _cosine(metric[a], metric[b]) for b in range(1, count, 2) if b >= prefix}
        if a >= prefix:
            best = max(cosines, key=cosines.get)
            pairs.append((cosines[best], a, best))
    pairs.sort(reverse=True)
    groups = {index: [index] for index in range(count)}
    for _, a, b in pairs[:r]:
        groups[b].append(a)
        del groups[a]
    first = [index for index in groups if index < prefix]
    order = first + [index for index in groups if index >= prefix and index % 2 == 0]
    order += [index for index in groups if index >= prefix and index % 2 == 1]
    merge = np.zeros((len(order), count))
    for row, index in enumerate(order):
        merge[row, groups[index]] = sizes[groups[index]] / sizes[groups[index]].sum()
    return merge @ tokens, np.array([sizes[groups[index]].sum() for index in order]), merge


def _cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def token_select(inputs, weights, keep_rate=0.7, fuse=True, normalize_fused=False):
    """Liang et al. 2022, section 3."""
    tokens, attention = inputs
    a = attention.mean(axis=1)
    a[:, 0] = 0
    images = []
    for x, share in zip(tokens, a, strict=True):
        patches = sorted(range(1, len(x)), key=lambda index: -share[index])
        k = math.ceil(keep_rate * len(patches))
        y = [x[0], *(x[index] for index in patches[:k])]
        rest = patches[k:]
        if fuse:
            total = share[rest].sum() if normalize_fused else 1
            y.append(sum(share[index] * x[index] for index in rest) / total)
        images.append(np.stack(y))
    return np.stack(images), a[:, None]
