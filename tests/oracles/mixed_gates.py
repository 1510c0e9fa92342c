"""Gates whose factor varies over positions and channels at once."""

import numpy as np

from tests.oracles.maths import batch_norm, convolution, dense, layer_norm, sigmoid, softmax


def hard_swish(z):
    return z * np.clip(z + 3, 0, 6) / 6


def coordinate(x, weights, activation=hard_swish):
    """Hou et al. 2021, equations (4) to (9), with the normalisation of figure 2."""
    height = x.shape[1]
    strips = np.concatenate([x.mean(axis=2), x.mean(axis=1)], axis=1)
    f = activation(batch_norm(dense(strips, weights, "squeeze"), weights, "norm", 1e-5))
    by_row = sigmoid(dense(f[:, :height], weights, "height"))
    by_column = sigmoid(dense(f[:, height:], weights, "width"))
    gate = by_row[:, :, None] * by_column[:, None, :]
    return x * gate, gate.mean(axis=-1)


def triplet(x, weights, use_spatial=True, epsilon=1e-5):
    """Misra et al. 2021, equations (1) to (5): each plane's gate, spread along the pooled axis."""

    def gate(rows, columns, pooled, name):
        moved = x.transpose(0, rows, columns, pooled)
        zpool = np.stack([moved.max(axis=-1), moved.mean(axis=-1)], axis=-1)
        logits = convolution(zpool, weights[f"{name}/conv/kernel"])
        factor = sigmoid(batch_norm(logits, weights, f"{name}/norm", epsilon))
        full = np.broadcast_to(factor, moved.shape)
        back = np.argsort((0, rows, columns, pooled))
        return full.transpose(*back)

    gates = [gate(3, 2, 1, "cw"), gate(1, 3, 2, "hc")]
    if use_spatial:
        gates.append(gate(1, 2, 3, "hw"))
    factor = sum(gates) / len(gates)
    return x * factor, factor.mean(axis=-1)


def shuffle(x, weights, groups, epsilon=1e-5):
    """Zhang, Yang 2021, equations (2) to (4), a group and a channel at a time."""
    channels = x.shape[-1]
    half = channels // (2 * groups)
    joined, factors = [], []
    for group in range(groups):
        start = 2 * half * group
        for c in range(half):
            a = x[..., start + c]
            mean = a.mean(axis=(1, 2), keepdims=True)
            scale, shift = weights["channel_scale"][c], weights["channel_shift"][c]
            factors.append(np.broadcast_to(sigmoid(scale * mean + shift), a.shape))
            joined.append(a * factors[-1])
        for c in range(half):
            b = x[..., start + half + c]
            mean, variance = b.mean((1, 2), keepdims=True), b.var((1, 2), keepdims=True)
            normal = (b - mean) / np.sqrt(variance + epsilon)
            normal = weights["norm/gamma"][c] * normal + weights["norm/beta"][c]
            scale, shift = weights["space_scale"][c], weights["space_shift"][c]
            factors.append(sigmoid(scale * normal + shift))
            joined.append(b * factors[-1])
    # Shuffled by two: the halves of all channels take turns.
    shuffled = [one for pair in zip(*np.split(np.array(joined), 2), strict=True) for one in pair]
    return np.stack(shuffled, axis=-1), np.mean(factors, axis=0)


def polarized(x, weights, mode="parallel"):
    """Liu et al. 2021: a factor per channel from one query, a factor per position from another."""
    batch, height, width, channels = x.shape
    y, channel_scores, space_scores = [], [], []
    for tokens in x.reshape(batch, height * width, channels):
        attention = softmax(dense(tokens, weights, "channel_query"), axis=0)
        z = (attention * dense(tokens, weights, "channel_value")).sum(axis=0)
        z = dense(z, weights, "channel_out")
        channel = sigmoid(layer_norm(z, weights, "norm", 1e-5))
        source = tokens if mode == "parallel" else tokens * channel
        query = softmax(dense(source, weights, "space_query").mean(axis=0), axis=0)
        space = sigmoid(dense(source, weights, "space_value") @ query)
        if mode == "parallel":
            y.append(tokens * channel + tokens * space[:, None])
        else:
            y.append(tokens * channel * space[:, None])
        channel_scores.append(channel)
        space_scores.append(space.reshape(height, width))
    scores = {"channel": np.array(channel_scores), "spatial": np.array(space_scores)}
    return np.reshape(y, x.shape), scores


def depthwise(x, weights, name, dilation=1):
    """Each channel with its own kernel, of equal size, zeros outside."""
    kernel = weights[f"{name}/kernel"][..., 0]  # (rows, columns, channels)
    y = np.zeros_like(x) + weights[f"{name}/bias"]
    rows, columns = kernel.shape[:2]
    _, height, width, _ = x.shape
    for i in range(height):
        for j in range(width):
            for row in range(rows):
                for column in range(columns):
                    at = i + (row - rows // 2) * dilation, j + (column - columns // 2) * dilation
                    if 0 <= at[0] < height and 0 <= at[1] < width:
                        y[:, i, j] += kernel[row, column] * x[:, at[0], at[1]]
    return y


def large_kernel(x, weights, dilation=3):
    """Guo et al. 2022, section 3.2: a local, a dilated and a pointwise convolution, no sigmoid."""
    factor = depthwise(depthwise(x, weights, "local"), weights, "dilated", dilation)
    factor = factor @ weights["point/kernel"][0, 0] + weights["point/bias"]
    return x * factor, factor.mean(axis=-1)
