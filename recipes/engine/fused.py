"""Batch normalisation by the one kernel that TensorFlow and PyTorch have for it.

Keras composes it of a dozen operations, in float32 whatever the precision: on a CPU they take as
long as the convolutions of a thin network, and four times what the kernel takes, and their results
are kept for the gradient. The numbers are the same but for rounding. JAX fuses them by itself.
"""

import functools

import keras
from keras import ops


def norms(model: keras.Model) -> None:
    """Let the batch norms of `model` train by the fused kernel, where the backend has one."""
    if keras.backend.backend() not in KERNELS:
        return
    kind = _kind()
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.BatchNormalization and not layer.renorm:
            layer.__class__ = kind


def _by_tensorflow(inputs, gamma, beta, epsilon: float):
    """The normalised maps (N, H, W, C), their mean and their variance."""
    import tensorflow as tf

    channels = inputs.shape[-1]
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs,
        tf.ones(channels) if gamma is None else gamma,
        tf.zeros(channels) if beta is None else beta,
        epsilon=epsilon,
    )
    # The kernel returns the unbiased variance; Keras averages the other.
    count = ops.cast(ops.size(inputs) // channels, "float32")
    return outputs, mean, variance * (count - 1) / count


def _by_torch(inputs, gamma, beta, epsilon: float):
    """The same; the maps are seen channels first, which moves none of them."""
    import torch

    gamma, beta = (None if one is None else one.value for one in (gamma, beta))
    outputs, mean, scale = torch.native_batch_norm(
        inputs.permute(0, 3, 1, 2), gamma, beta, None, None, True, 0.0, epsilon
    )
    return outputs.permute(0, 2, 3, 1), mean.detach(), scale.detach() ** -2 - epsilon


KERNELS = {"tensorflow": _by_tensorflow, "torch": _by_torch}


@functools.cache
def _kind() -> type:
    kernel = KERNELS[keras.backend.backend()]

    class Fused(keras.layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            last = self.axis in (-1, len(inputs.shape) - 1)
            fits = len(inputs.shape) == 4 and last and mask is None and not self.synchronized
            if not (training and self.trainable and fits):
                return super().call(inputs, training=training, mask=mask)
            gamma, beta = self.gamma if self.scale else None, self.beta if self.center else None
            outputs, mean, variance = kernel(inputs, gamma, beta, self.epsilon)
            self._average(self.moving_mean, mean)
            self._average(self.moving_variance, variance)
            return outputs

        def _average(self, kept, new):
            kept.assign(kept * self.momentum + new * (1 - self.momentum))

    return Fused
