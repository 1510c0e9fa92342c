"""SE, ECA and CBAM by hand in each backend's own operations, channels last, for inference.

Each takes the weights of our layer in order and returns a function of the map, compiled where the
backend compiles.
"""

import keras
import numpy as np


def reference(name: str, weights: list[np.ndarray]):
    """The hand-written `name` with these weights for the present backend."""
    make = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]
    return make(name, [np.asarray(weight, "float32") for weight in weights])


def _jax(name, weights):
    import jax
    import jax.numpy as jnp

    weights = [jnp.asarray(weight) for weight in weights]
    layout = ("NHWC", "HWIO", "NHWC")

    def se(x):
        w1, b1, w2, b2 = weights
        gate = jax.nn.sigmoid(jax.nn.relu(x.mean((1, 2)) @ w1 + b1) @ w2 + b2)
        return x * gate[:, None, None]

    def eca(x):
        kernel = weights[0]
        z = x.mean((1, 2))[..., None]
        logits = jax.lax.conv_general_dilated(
            z, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
        )
        return x * jax.nn.sigmoid(logits)[:, None, None, :, 0]

    def cbam(x):
        w1, b1, w2, b2, kernel, gamma, beta, mean, variance = weights
        both = jnp.stack([x.mean((1, 2)), x.max((1, 2))])
        gate = jax.nn.sigmoid((jax.nn.relu(both @ w1 + b1) @ w2 + b2).sum(0))
        x = x * gate[:, None, None]
        planes = jnp.stack([x.max(-1), x.mean(-1)], -1)
        scale = gamma / jnp.sqrt(variance + 1e-5)
        logits = jax.lax.conv_general_dilated(
            planes, kernel * scale, (1, 1), "SAME", dimension_numbers=layout
        )
        return x * jax.nn.sigmoid(logits + beta - mean * scale)

    return jax.jit({"se": se, "eca": eca, "cbam": cbam}[name])


def _tensorflow(name, weights):
    import tensorflow as tf

    weights = [tf.constant(weight) for weight in weights]

    def se(x):
        w1, b1, w2, b2 = weights
        gate = tf.sigmoid(tf.nn.relu(tf.reduce_mean(x, (1, 2)) @ w1 + b1) @ w2 + b2)
        return x * gate[:, None, None]

    def eca(x):
        z = tf.reduce_mean(x, (1, 2))[..., None]
        logits = tf.nn.conv1d(z, weights[0], 1, "SAME")
        return x * tf.sigmoid(logits)[:, None, None, :, 0]

    def cbam(x):
        w1, b1, w2, b2, kernel, gamma, beta, mean, variance = weights
        both = tf.concat([tf.reduce_mean(x, (1, 2)), tf.reduce_max(x, (1, 2))], 0)
        one, two = tf.split(tf.nn.relu(both @ w1 + b1) @ w2 + b2, 2)
        x = x * tf.sigmoid(one + two)[:, None, None]
        planes = tf.stack([tf.reduce_max(x, -1), tf.reduce_mean(x, -1)], -1)
        scale = gamma / tf.sqrt(variance + 1e-5)
        logits = tf.nn.conv2d(planes, kernel * scale, 1, "SAME")
        return x * tf.sigmoid(logits + beta - mean * scale)

    return tf.function({"se": se, "eca": eca, "cbam": cbam}[name])


def _torch(name, weights):
    import torch
    from torch.nn import functional

    weights = [torch.from_numpy(weight.copy()) for weight in weights]

    def se(x):
        w1, b1, w2, b2 = weights
        hidden = torch.relu(torch.addmm(b1, x.mean((1, 2)), w1))
        return x * torch.sigmoid(torch.addmm(b2, hidden, w2))[:, None, None]

    def eca(x):
        kernel = weights[0].permute(2, 1, 0)
        z = x.mean((1, 2))[:, None]
        logits = functional.conv1d(z, kernel, padding=kernel.shape[-1] // 2)
        return x * torch.sigmoid(logits)[:, :, None]

    def cbam(x):
        w1, b1, w2, b2, kernel, gamma, beta, mean, variance = weights
        both = torch.stack([x.mean((1, 2)), x.amax((1, 2))])
        gate = (torch.relu(both @ w1 + b1) @ w2 + b2).sum(0)
        x = x * torch.sigmoid(gate)[:, None, None]
        planes = torch.stack([x.amax(-1), x.mean(-1)], 1)
        scale = gamma / torch.sqrt(variance + 1e-5)
        kernel = kernel.permute(3, 2, 0, 1) * scale
        logits = functional.conv2d(planes, kernel, beta - mean * scale, padding=3)
        return x * torch.sigmoid(logits)[:, 0, :, :, None]

    return {"se": se, "eca": eca, "cbam": cbam}[name]
