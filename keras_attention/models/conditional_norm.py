"""Batch normalisation whose scale and shift are those of a class."""

import keras
from keras import ops

from ..layers.checks import at_least
from ..ops import axes, lookup


@keras.saving.register_keras_serializable("keras_attention")
class ConditionalBatchNorm(keras.layers.Layer):
    """y = gamma[label] (x - mean) / sqrt(variance + epsilon) + beta[label], for each channel.

    Mean and variance are those of the batch in training, and of what was seen so far elsewhere.

    Args:
        num_classes: Integer >= 1, rows of gamma and beta.
        momentum: Share of the old value in a step of the moving mean and variance.
        epsilon: Added to the variance.
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now.
        **kwargs: `dtype`, `name` and the other arguments of `keras.layers.Layer`.
    Call arguments: `x`, `label`, `training`.
    Input shape: (batch, height, width, channels), or channels first, and labels (batch,), integers
        from 0. Output shape: that of the map.
    Weights: `gamma`, ones, and `beta`, zeros, (num_classes, channels); `norm/moving_mean` and
        `norm/moving_variance` (channels,).
    A label outside of 0..num_classes-1 makes its image NaN, and with it a batch in training: a
        compiled graph cannot raise.
    Raises: ValueError if `num_classes` is below 1.
    Differs from torch's running variance: the moving variance is of a batch divided by its size,
        not by one less.
    Reference: Dumoulin, Shlens, Kudlur, "A Learned Representation for Artistic Style", ICLR 2017,
        arXiv:1610.07629; in generators: Miyato, Koyama, ICLR 2018, arXiv:1802.05637.
    """

    def __init__(
        self,
        num_classes: int,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        data_format: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = at_least(1, "ConditionalBatchNorm", num_classes=num_classes)
        self.momentum, self.epsilon = momentum, epsilon
        self.data_format = keras.config.image_data_format() if data_format is None else data_format

    def build(self, x_shape, label_shape):
        axis = axes.channel_axis(self.data_format)
        self.norm = keras.layers.BatchNormalization(
            axis=axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="norm",
        )
        self.norm.build(x_shape)
        shape = (self.num_classes, x_shape[axis])
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, x, label, training=None):
        y = self.norm(x, training=training)
        space = axes.space_axes(self.data_format)
        gamma, beta = (
            ops.expand_dims(lookup.rows(ops.convert_to_tensor(table), label), space)
            for table in (self.gamma, self.beta)
        )
        return y * gamma + beta

    def compute_output_shape(self, x_shape, label_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
