"""Batch normalisation by TensorFlow's one kernel for it.

Keras composes it of a dozen operations, in float32 whatever the precision: on a CPU they take as
long as the convolutions of a thin network, and four times what the kernel takes. The numbers are
the same but for rounding. JAX and PyTorch are left alone.
"""

import functools

import keras
from keras import ops


def norms(model: keras.Model) -> None:
    """Let the batch norms of `model` train by the fused kernel, where the backend has one."""
    if keras.backend.backend() != "tensorflow":
        return
    kind = _kind()
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.BatchNormalization and not layer.renorm:
            layer.__class__ = kind


@functools.cache
def _kind() -> type:
    import tensorflow as tf

    class Fused(keras.layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            last = self.axis in (-1, len(inputs.shape) - 1)
            fits = len(inputs.shape) == 4 and last and mask is None and not self.synchronized
            if not (training and self.trainable and fits):
                return super().call(inputs, training=training, mask=mask)
            channels = inputs.shape[-1]
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs,
                self.gamma if self.scale else tf.ones(channels),
                self.beta if self.center else tf.zeros(channels),
                epsilon=self.epsilon,
            )
            # The kernel returns the unbiased variance; Keras averages the other.
            count = ops.cast(ops.size(inputs) // channels, "float32")
            self._average(self.moving_mean, mean)
            self._average(self.moving_variance, variance * (count - 1) / count)
            return outputs

        def _average(self, kept, new):
            kept.assign(kept * self.momentum + new * (1 - self.momentum))

    return Fused
