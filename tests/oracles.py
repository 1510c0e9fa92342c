"""The papers' equations in NumPy, in float64, to judge the layers by.

Each function takes maps channels last and a dictionary of the layer's weights by their paths, and
returns the output and the scores. Nothing here is shared with the library.
"""

import math

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


def squeeze_excite(x, weights, activation=relu, gate=sigmoid):
    """Hu et al. 2018, equations (2) to (4)."""
    z = x.mean(axis=(1, 2))
    s = gate(dense(activation(dense(z, weights, "squeeze")), weights, "excite"))
    return x * s[:, None, None, :], s


def eca_kernel_size(channels, gamma=2, beta=1):
    """Wang et al. 2020, equation (12): the nearest odd number, and here at least 3."""
    size = int(abs((math.log2(channels) + beta) / gamma))
    return max(3, size if size % 2 else size + 1)


def efficient_channel_attention(x, weights, circular=False):
    """Wang et al. 2020, equation (9): each channel sees k neighbours through the same weights."""
    z = x.mean(axis=(1, 2))
    kernel = weights["conv/kernel"][:, 0, 0]
    channels, reach = z.shape[1], len(kernel) // 2
    logits = np.zeros_like(z)
    for channel in range(channels):
        for tap, factor in enumerate(kernel):
            neighbour = channel + tap - reach
            if circular:
                logits[:, channel] += factor * z[:, neighbour % channels]
            elif 0 <= neighbour < channels:
                logits[:, channel] += factor * z[:, neighbour]
    gate = sigmoid(logits)
    return x * gate[:, None, None, :], gate


def channel_gate(x, weights, pools=("avg", "max"), name=""):
    """Woo et al. 2018, equation (2): one perceptron for both descriptors, added after it."""

    def perceptron(z):
        return dense(relu(dense(z, weights, f"{name}squeeze")), weights, f"{name}excite")

    descriptors = {"avg": x.mean(axis=(1, 2)), "max": x.max(axis=(1, 2))}
    gate = sigmoid(sum(perceptron(descriptors[pool]) for pool in pools))
    return x * gate[:, None, None, :], gate


def spatial_gate(x, weights, use_norm=True, epsilon=1e-5, name=""):
    """Woo et al. 2018, equation (3), with the order and the normalisation of the authors' code."""
    descriptors = np.stack([x.max(axis=-1), x.mean(axis=-1)], axis=-1)
    logits = convolution(descriptors, weights[f"{name}conv/kernel"])
    if use_norm:
        logits = batch_norm(logits, weights, f"{name}norm", epsilon)
    gate = sigmoid(logits)
    return x * gate, gate[..., 0]


def cbam(x, weights, use_norm=True):
    """Woo et al. 2018, equation (1): channels first, then positions of what is left."""
    refined, channel = channel_gate(x, weights, name="channel_gate/")
    y, spatial = spatial_gate(refined, weights, use_norm, name="spatial_gate/")
    return y, {"channel": channel, "spatial": spatial}
