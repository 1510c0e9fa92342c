"""What the equations are made of."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def dense(z, weights, name):
    """W z + b, where W is stored (inputs, outputs) and b may be absent."""
    return z @ weights[f"{name}/kernel"] + weights.get(f"{name}/bias", 0)


def convolution(x, kernel):
    """Equal size, zeros outside, the kernel (height, width, inputs, outputs) not flipped."""
    batch, height, width, _ = x.shape
    rows, columns = kernel.shape[:2]
    padded = np.pad(x, ((0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)))
    y = np.zeros((batch, height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            window = padded[:, i : i + rows, j : j + columns, :]
            y[:, i, j] = np.tensordot(window, kernel, axes=3)
    return y


def batch_norm(x, weights, name, epsilon):
    """With the running statistics, as in inference."""
    scale, offset, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return scale * (x - mean) / np.sqrt(variance + epsilon) + offset


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def layer_norm(x, weights, name, epsilon):
    """Over the last axis."""
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    scale, offset = weights[f"{name}/gamma"], weights[f"{name}/beta"]
    return scale * (x - mean) / np.sqrt(variance + epsilon) + offset
