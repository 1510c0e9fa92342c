"""Gates on positions, and on channels and positions."""

import numpy as np

from tests.oracles.channel import channel_gate
from tests.oracles.maths import batch_norm, convolution, sigmoid


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
