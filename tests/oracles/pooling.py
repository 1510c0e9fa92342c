"""Means over positions with learned weights, and the gate of Attention U-Net."""

import math

import numpy as np

from tests.oracles.maths import batch_norm, dense, layer_norm, relu, sigmoid, softmax


def additive(inputs, weights):
    """Bahdanau et al. 2015, appendix A.1.2, query by query and key by key."""
    query, value, *key = inputs
    key = key[0] if key else value
    single = query.ndim == 2
    query = query[:, None] if single else query
    scores = np.zeros((len(query), 1, query.shape[1], value.shape[1]))
    for batch, q, i in np.ndindex(len(query), query.shape[1], value.shape[1]):
        hidden = dense(query[batch, q], weights, "query") + dense(key[batch, i], weights, "key")
        hidden = np.tanh(hidden + weights.get("bias", 0))
        scores[batch, 0, q, i] = hidden @ weights["score/kernel"][:, 0]
    scores = softmax(scores)
    y = np.einsum("bqi,bic->bqc", scores[:, 0], value)
    return y[:, 0] if single else y, scores


def dot_product(inputs, weights, mode="scaled"):
    """Luong et al. 2015, equation (8), and its scaled form."""
    query, value, *key = inputs
    key = key[0] if key else value
    single = query.ndim == 2
    query = query[:, None] if single else query
    matrix = weights["kernel"] if mode == "general" else np.eye(key.shape[-1])
    scores = np.einsum("bqc,cd,bid->bqi", query, matrix, key)
    scores = softmax(scores / math.sqrt(key.shape[-1]) if mode == "scaled" else scores)
    y = np.einsum("bqi,bic->bqc", scores, value)
    return y[:, 0] if single else y, scores[:, None]


def context_vector(x, weights, units=None):
    """Yang et al. 2016, equations (5) to (7)."""
    x = x.reshape(len(x), -1, x.shape[-1])
    h = np.tanh(dense(x, weights, "project")) if units else x
    a = softmax(h @ weights["query"])
    return np.einsum("bn,bnc->bc", a, x), a[:, None]


def gated_pool(x, weights, gated=True):
    """Ilse et al. 2018, equations (7) to (9), with the biases of the authors' code."""
    x = x.reshape(len(x), -1, x.shape[-1])
    hidden = np.tanh(dense(x, weights, "value"))
    if gated:
        hidden = hidden * sigmoid(dense(x, weights, "gate"))
    a = softmax(dense(hidden, weights, "score")[..., 0])
    return np.einsum("bn,bnc->bc", a, x), a[:, None]


def gelu(z):
    """z times the normal distribution function of z."""
    return z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2


def attention_pool(x, weights, heads, use_norm=True, epsilon=1e-6, activation=gelu):
    """Zhai et al. 2023, the head of the image encoder, head by head."""
    x = x.reshape(len(x), -1, x.shape[-1])
    channels, width = x.shape[-1], x.shape[-1] // heads
    query = dense(weights["latent"][0], weights, "query")  # (Q, C)
    both = dense(x, weights, "key_value")
    key, value = both[..., :channels], both[..., channels:]
    scores, y = [], []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        logits = np.einsum("qd,bnd->bqn", query[:, part], key[..., part]) / math.sqrt(width)
        scores.append(softmax(logits))
        y.append(scores[-1] @ value[..., part])
    o = dense(np.concatenate(y, -1), weights, "proj")
    hidden = layer_norm(o, weights, "norm", epsilon) if use_norm else o
    y = o + dense(activation(dense(hidden, weights, "mlp_in")), weights, "mlp_out")
    scores = np.stack(scores, 1)  # (B, heads, Q, N)
    return (y[:, 0], scores[:, :, 0]) if len(query) == 1 else (y, scores)


def soft_visual(inputs, weights, use_selector=True):
    """Xu et al. 2015, equations (4) to (6), word by word of the batch, as the authors code them."""
    features, state = inputs[:2]
    z, scores = [], []
    for a, h in zip(features, state, strict=True):
        hidden = np.tanh(dense(a, weights, "features") + dense(h, weights, "state"))
        alpha = softmax(dense(hidden, weights, "score")[:, 0])
        beta = sigmoid(dense(h, weights, "selector")) if use_selector else 1
        scores.append(alpha[None])
        z.append(beta * (alpha[:, None] * a).sum(0))
    return np.stack(z), np.stack(scores)


def temporal(inputs, weights):
    """Yao et al. 2015, section 3.2, for a video with the means of its frames."""
    x, *query = inputs if isinstance(inputs, list) else [inputs]
    frames = x if x.ndim == 3 else x.mean(axis=(2, 3))
    hidden = dense(frames, weights, "frames")
    if query:
        hidden = hidden + dense(query[0], weights, "query")[:, None]
    a = softmax((np.tanh(hidden) @ weights["score/kernel"])[..., 0])
    return sum(a[:, t].reshape(-1, *[1] * (x.ndim - 2)) * x[:, t] for t in range(x.shape[1])), a


def bilinear(x, height, width):
    """Each sample is at the centre of its pixel; outside, the border goes on."""
    y = np.zeros((len(x), height, width, x.shape[-1]))
    for i, j in np.ndindex(height, width):
        row = min(max((i + 0.5) * x.shape[1] / height - 0.5, 0), x.shape[1] - 1)
        column = min(max((j + 0.5) * x.shape[2] / width - 0.5, 0), x.shape[2] - 1)
        for r in {math.floor(row), math.ceil(row)}:
            for c in {math.floor(column), math.ceil(column)}:
                share = (1 - abs(r - row)) * (1 - abs(c - column))
                y[:, i, j] += share * x[:, r, c]
    return y


def attention_gate(inputs, weights, use_output=True):
    """Oktay et al. 2018, equations (1) and (2), with the output of the authors' code."""
    x, g = inputs
    kernel = weights["theta/kernel"]
    step = len(kernel)
    rows, columns = x.shape[1] // step, x.shape[2] // step
    hidden = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        window = x[:, i * step : (i + 1) * step, j * step : (j + 1) * step]
        hidden[:, i, j] = np.tensordot(window, kernel, axes=3)
    gating = g @ weights["phi/kernel"][0, 0] + weights["phi/bias"]
    hidden = relu(hidden + bilinear(gating, rows, columns))
    alpha = sigmoid(hidden @ weights["psi/kernel"][0, 0] + weights["psi/bias"])
    alpha = bilinear(alpha, *x.shape[1:3])
    y = alpha * x
    if use_output:
        y = y @ weights["out/kernel"][0, 0] + weights["out/bias"]
        y = batch_norm(y, weights, "norm", 1e-5)
    return y, alpha[..., 0]
