"""Gates on channels."""

import math

import numpy as np

from tests.oracles.maths import batch_norm, dense, relu, sigmoid


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


def hard_sigmoid(z):
    return np.clip(z + 3, 0, 6) / 6


def effective_squeeze_excite(x, weights, gate=hard_sigmoid):
    """Lee and Park 2020, equations (3) and (4): one layer keeps all channels."""
    s = gate(dense(x.mean(axis=(1, 2)), weights, "excite"))
    return x * s[:, None, None, :], s


def gated_channel_transform(x, weights, epsilon=1e-5):
    """Yang et al. 2020, equations (2) to (4), channel by channel."""
    batch, _, _, channels = x.shape
    s, gate = np.zeros((batch, channels)), np.zeros((batch, channels))
    for c in range(channels):
        norm = np.sqrt((x[..., c] ** 2).sum(axis=(1, 2)) + epsilon)
        s[:, c] = weights["alpha"][c] * norm
    for c in range(channels):
        normalised = np.sqrt(channels) * s[:, c] / np.sqrt((s**2).sum(axis=1) + channels * epsilon)
        gate[:, c] = 1 + np.tanh(weights["gamma"][c] * normalised + weights["beta"][c])
    return x * gate[:, None, None, :], gate


def style_recalibration(x, weights, unbiased=True, epsilon=1e-5):
    """Lee et al. 2019, equations (1) to (6), with the authors' divisor where `unbiased`."""
    batch, height, width, channels = x.shape
    positions = height * width
    z = np.zeros((batch, channels))
    for b in range(batch):
        for c in range(channels):
            values = x[b, :, :, c].ravel()
            mean = values.sum() / positions
            squares = ((values - mean) ** 2).sum()
            deviation = np.sqrt(squares / (positions - 1 if unbiased else positions) + epsilon)
            z[b, c] = weights["style"][c] @ [mean, deviation]
    gate = sigmoid(batch_norm(z, weights, "norm", 1e-5))
    return x * gate[:, None, None, :], gate


def gather_excite(x, weights, extent=0, extra_params=False, use_mlp=True):
    """Hu et al. 2018, equations (1) and (2), figure 4 and the authors' published networks."""
    height, width = x.shape[1:3]
    gather = _gather_with_parameters if extra_params else _gather_by_means
    context = gather(x, weights, extent)
    if use_mlp:
        context = relu(context) if extra_params else context
        context = dense(relu(dense(context, weights, "squeeze")), weights, "excite")
    gate = np.zeros(x.shape)
    for i in range(height):
        for j in range(width):
            row, column = (
                index * size // side
                for index, size, side in zip(
                    (i, j), context.shape[1:3], (height, width), strict=True
                )
            )
            gate[:, i, j] = sigmoid(context[:, row, column])
    return x * gate, gate.mean(axis=-1) if extent else gate[:, 0, 0]


def _gather_by_means(x, weights, extent):
    if not extent:
        return x.mean(axis=(1, 2), keepdims=True)
    rows, columns = (range(0, side, extent) for side in x.shape[1:3])
    y = np.zeros((len(x), len(rows), len(columns), x.shape[-1]))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            first_row, first_column = max(0, top - extent + 1), max(0, left - extent + 1)
            window = x[:, first_row : top + extent, first_column : left + extent]
            y[:, i, j] = window.mean(axis=(1, 2))
    return y


def _gather_with_parameters(x, weights, extent):
    if not extent:
        kernel = weights["gather_1/kernel"][..., 0]
        y = (x * kernel).sum(axis=(1, 2), keepdims=True)
        return batch_norm(y, weights, "gather_norm_1", 1e-5)
    number = 0
    while 2**number < extent:
        x = relu(x) if number else x
        number += 1
        x = _every_second(x, weights[f"gather_{number}/kernel"][..., 0])
        x = batch_norm(x, weights, f"gather_norm_{number}", 1e-5)
    return x


def _every_second(x, kernel):
    """A depth-wise convolution by 3 x 3 at every second position, zeros outside."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = (range(0, side, 2) for side in x.shape[1:3])
    y = [[padded[:, i : i + 3, j : j + 3] * kernel for j in columns] for i in rows]
    return np.stack([np.stack([one.sum(axis=(1, 2)) for one in row], 1) for row in y], 1)
