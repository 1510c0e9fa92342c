"""Gates on channels."""

import math

import numpy as np

from tests.oracles.maths import dense, relu, sigmoid


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
