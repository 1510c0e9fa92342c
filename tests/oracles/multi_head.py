"""Multi-head attention, its linear forms, and attention between channels."""

import numpy as np

from tests.oracles.maths import dense, layer_norm, relu, softmax


def mhsa(
    x,
    weights,
    heads,
    qk_norm=None,
    rope=None,
    grid=None,
    prefix=0,
    mask=None,
):
    """Vaswani et al. 2017, equation (1) and section 3.2.2, a head and a query at a time.

    `rope` is a function from (vector, y, x) to the turned vector. `grid` is (height, width).
    """
    shape = x.shape
    x = x.reshape(shape[0], -1, shape[-1])
    query, key, value = _heads(dense(x, weights, "qkv"), heads)
    batch, _, tokens, width = query.shape
    query, key = (_norm(z, weights, name, qk_norm) for z, name in ((query, "query"), (key, "key")))
    scores = np.zeros((batch, heads, tokens, tokens))
    for b, h in np.ndindex(batch, heads):
        q, k = query[b, h].copy(), key[b, h].copy()
        for n in range(prefix, tokens) if rope else ():
            place = divmod(n - prefix, grid[1])
            q[n], k[n] = rope(q[n], *place), rope(k[n], *place)
        bias = _bias(weights, h, grid, prefix, tokens)
        for i in range(tokens):
            keep = np.ones(tokens, bool) if mask is None else mask[b]
            if keep.any():
                scores[b, h, i, keep] = softmax(k[keep] @ q[i] / np.sqrt(width) + bias[i][keep])
    y = dense(_merge(scores @ value), weights, "proj")
    return y.reshape(shape), scores


def _bias(weights, head, grid, prefix, tokens):
    """One number for each offset of the query from the key, and zero for the prefix."""
    bias = np.zeros((tokens, tokens))
    if "position_bias" not in weights:
        return bias
    height, width = grid
    table = weights["position_bias"][:, head].reshape(2 * height - 1, 2 * width - 1)
    for i, j in np.ndindex(height * width, height * width):
        down, right = np.subtract(divmod(i, width), divmod(j, width))
        bias[prefix + i, prefix + j] = table[down + height - 1, right + width - 1]
    return bias


def turn(vector, y, x, theta=10000.0, layout="interleaved"):
    """Su et al. 2021, equation (15), on two axes: a rotation for each pair of channels."""
    width = len(vector)
    turned = vector.copy()
    for pair in range(width // 2):
        band = pair % (width // 4)
        angle = (y if pair < width // 4 else x) * theta ** (-band / (width // 4))
        one, two = (2 * pair, 2 * pair + 1)
        if layout == "half":
            one, two = (pair, pair + width // 2)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned[[one, two]] = rotation @ vector[[one, two]]
    return turned


def class_attention(x, weights, heads, mask=None):
    """Touvron et al. 2021, equations (4) to (7)."""
    query = _split(dense(x[:, :1], weights, "query"), heads)
    key, value = (_split(dense(x, weights, name), heads) for name in ("key", "value"))
    logits = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    if mask is not None:
        logits = np.where(mask[:, None, None], logits, -np.inf)
    scores = softmax(logits)
    return dense(_merge(scores @ value), weights, "proj"), scores[:, :, 0]


def talking_heads(x, weights, heads, mask=None):
    """Shazeer et al. 2020, section 4, with the biases of the code of CaiT."""
    query, key, value = _heads(dense(x, weights, "qkv"), heads)
    logits = np.einsum("bhid,bhjd->bijh", query, key) / np.sqrt(query.shape[-1])
    logits = dense(logits, weights, "mix_logits")
    if mask is not None:
        logits = np.where(mask[:, None, :, None], logits, -np.inf)
    scores = dense(softmax(logits, axis=2), weights, "mix_weights")
    if mask is not None:
        scores = scores * mask[:, None, :, None]
    y = np.einsum("bijh,bhjd->bhid", scores, value)
    return dense(_merge(y), weights, "proj"), scores.transpose(0, 3, 1, 2)


def linear(x, weights, heads, feature_map="elu", epsilon=1e-6, mask=None):
    """The N x N weights that linear attention never forms.

    Katharopoulos et al. 2020, equation (4), and Cai et al. 2023, equation (2); for "softmax" Shen
    et al. 2021, equation (4).
    """
    shape = x.shape
    x = x.reshape(shape[0], -1, shape[-1])
    query, key, value = _heads(dense(x, weights, "qkv"), heads)
    keep = np.ones(x.shape[:2], bool) if mask is None else mask
    keep = keep[:, None, :, None]
    if feature_map == "softmax":
        query = softmax(query)
        key = softmax(np.where(keep, key, -np.inf), axis=-2)
        scores = query @ key.swapaxes(-1, -2)
    else:
        f = relu if feature_map == "relu" else lambda z: np.where(z > 0, z + 1, np.exp(z))
        similarity = f(query) @ (f(key) * keep).swapaxes(-1, -2)
        scores = similarity / (similarity.sum(-1, keepdims=True) + epsilon)
    y = dense(_merge(scores @ value), weights, "proj")
    return y.reshape(shape), scores


def xca(x, weights, heads, mask=None):
    """El-Nouby et al. 2021, equation (4), a channel at a time."""
    qkv = dense(x, weights, "qkv")
    if mask is not None:
        qkv = qkv * mask[..., None]
    query, key, value = _heads(qkv, heads)  # (B, heads, N, d)
    query, key = (z / np.sqrt((z**2).sum(axis=2, keepdims=True)) for z in (query, key))
    batch, _, _, width = query.shape
    scores = np.zeros((batch, heads, width, width))
    y = np.zeros_like(value)
    for b, h, i in np.ndindex(batch, heads, width):
        logits = [query[b, h, :, i] @ key[b, h, :, j] for j in range(width)]
        scores[b, h, i] = softmax(weights["temperature"][h, 0, 0] * np.array(logits))
        y[b, h, :, i] = value[b, h] @ scores[b, h, i]
    return dense(_merge(y), weights, "proj"), scores


def _heads(qkv, heads):
    """Packed (B, N, 3 heads d) -> three times (B, heads, N, d)."""
    return (_split(part, heads) for part in np.split(qkv, 3, axis=-1))


def _split(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def _merge(x):
    x = x.transpose(0, 2, 1, 3)
    return x.reshape(*x.shape[:2], -1)


def _norm(x, weights, name, kind):
    if kind is None:
        return x
    if kind == "layer":
        return layer_norm(x, weights, f"{name}_norm", 1e-6)
    mean_square = (x**2).mean(-1, keepdims=True)
    return weights[f"{name}_norm/scale"] * x / np.sqrt(mean_square + 1e-6)
