"""Gates on positions, and on channels and positions."""

import numpy as np

from tests.oracles.channel import channel_gate, squeeze_excite
from tests.oracles.maths import batch_norm, convolution, dense, relu, sigmoid


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


def spatial_squeeze_excite(x, weights, name=""):
    """Roy et al. 2018, section 2.2: each position by a weighted sum of its channels."""
    gate = sigmoid(dense(x, _pointwise(weights), f"{name}score")[..., 0])
    return x * gate[..., None], gate


def concurrent_squeeze_excite(x, weights, combine="add"):
    """Roy et al. 2018, section 2.3, and the other ways to combine."""
    inner = {path.removeprefix("channel_gate/"): weight for path, weight in weights.items()}
    by_channel, channel = squeeze_excite(x, inner)
    by_position, spatial = spatial_squeeze_excite(x, weights, "spatial_gate/")
    y = {
        "add": by_channel + by_position,
        "max": np.where(by_channel > by_position, by_channel, by_position),
        "multiply": by_channel * spatial[..., None],
    }[combine]
    return y, {"channel": channel, "spatial": spatial}


def bam(x, weights, combine="sum", dilation=4, num_dilated=2):
    """Park et al. 2018, equations (1) to (5); "product" is the authors' code."""
    weights = _pointwise(weights)

    def norm(z, name):
        return batch_norm(z, weights, name, 1e-5)

    z = norm(dense(x.mean(axis=(1, 2)), weights, "channel_squeeze"), "channel_norm")
    channel = dense(relu(z), weights, "channel_excite")[:, None, None, :]
    z = relu(norm(dense(x, weights, "spatial_reduce"), "spatial_norm"))
    for number in range(1, num_dilated + 1):
        z = convolution(z, _dilated(weights[f"dilated_{number}/kernel"], dilation))
        z = relu(norm(z + weights[f"dilated_{number}/bias"], f"dilated_norm_{number}"))
    spatial = dense(z, weights, "spatial_out")
    if combine == "sum":
        logits = norm(channel, "channel_out_norm") + norm(spatial, "spatial_out_norm")
    else:
        logits = channel * spatial
    factor = 1 + sigmoid(logits)
    return x * factor, factor.mean(axis=-1)


def simam(x, weights, e_lambda=1e-4):
    """Yang et al. 2021, the inverse of equation (5), with the divisor of their listing."""
    gate = np.zeros(x.shape)
    for b in range(x.shape[0]):
        for c in range(x.shape[-1]):
            t = x[b, :, :, c]
            squares = (t - t.mean()) ** 2
            variance = squares.sum() / (t.size - 1)
            least = 4 * (variance + e_lambda) / (squares + 2 * variance + 2 * e_lambda)
            gate[b, :, :, c] = sigmoid(1 / least)
    return x * gate, gate.mean(axis=-1)


def _pointwise(weights):
    """The kernels of 1 x 1 convolutions as matrices."""
    return {
        path: array[0, 0] if array.ndim == 4 and array.shape[:2] == (1, 1) else array
        for path, array in weights.items()
    }


def _dilated(kernel, dilation):
    """The kernel with its zeros between the taps."""
    reach = (kernel.shape[0] - 1) * dilation + 1
    full = np.zeros((reach, reach, *kernel.shape[2:]))
    full[::dilation, ::dilation] = kernel
    return full
