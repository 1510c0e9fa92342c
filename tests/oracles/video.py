"""Attention over videos: all at once, or over time and then over space."""

import numpy as np

from tests.oracles.maths import dense, layer_norm
from tests.oracles.multi_head import mhsa


def joint(inputs, weights, heads, qk_norm=None, mask=None):
    """Bertasius et al. 2021, equations (5) and (6): all positions, (t, y, x) row-major."""
    x, *token = inputs if isinstance(inputs, list) else [inputs]
    tokens = np.concatenate([*token, x.reshape(x.shape[0], -1, x.shape[-1])], axis=1)
    if mask is not None:
        mask = mask.reshape(len(mask), -1)
        mask = np.concatenate([np.ones((len(mask), len(token)), bool), mask], axis=1)
    y, scores = mhsa(tokens, below(weights, "attention"), heads, qk_norm, mask=mask)
    video = y[:, len(token) :].reshape(x.shape)
    return ([video, y[:, :1]] if token else video), scores


def divided(inputs, weights, heads, epsilon=1e-6, mask=None):
    """Bertasius et al. 2021, equations (7) and (8) and the authors' code, place by place."""
    x, *token = inputs if isinstance(inputs, list) else [inputs]
    batch, time, height, width, _ = x.shape
    places = height * width
    x = x.reshape(batch, time, places, -1)
    temporal = np.zeros((batch, places, heads, time, time))
    moved = x.copy()
    for s in range(places):
        z = layer_norm(x[:, :, s], weights, "temporal_norm", epsilon)
        y, temporal[:, s] = mhsa(z, below(weights, "temporal"), heads, mask=mask)
        moved[:, :, s] += dense(y, weights, "temporal_proj")
    extra = len(token)
    spatial = np.zeros((batch, time, heads, places + extra, places + extra))
    video, copies = moved.copy(), []
    for t in range(time):
        z = np.concatenate([*token, moved[:, t]], axis=1)
        z = layer_norm(z, weights, "spatial_norm", epsilon)
        keep = None if mask is None else np.repeat(mask[:, t, None], places + extra, axis=1)
        y, spatial[:, t] = mhsa(z, below(weights, "spatial"), heads, mask=keep)
        video[:, t] += y[:, extra:]
        copies.append(y[:, :extra])
    scores = {"temporal": temporal, "spatial": spatial}
    video = video.reshape(batch, time, height, width, -1)
    if not token:
        return video, scores
    counts = np.ones((batch, time)) if mask is None else mask
    copies = np.einsum("tbic,bt->bic", np.array(copies), counts) / counts.sum(1)[:, None, None]
    return [video, token[0] + copies], scores


def below(weights, name):
    """The weights of one sublayer."""
    return {k.removeprefix(f"{name}/"): v for k, v in weights.items() if k.startswith(f"{name}/")}
