"""The style-based recalibration module."""

import keras
from keras import ops

from ...ops import pool
from ..base import AttentionLayer
from ..checks import positive, several_positions


@keras.saving.register_keras_serializable("keras_attention")
class StyleRecalibration(AttentionLayer):
    """y = x * sigmoid(BN(w1 mean(x) + w2 deviation(x))), both over space and per channel.

    Args:
        epsilon: Added to the variance under the root, above zero.
        unbiased: Whether the variance divides by positions - 1, as in the authors' code, or by
            positions, as in the paper.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel. All start at 0.5.
    Raises: ValueError if `epsilon` is not above zero, or for a map of one position, whose unbiased
        variance is 0 / 0.
    Differs from the authors' code: it adds nothing under the root, where the gradient of a
    constant channel is infinite. In training with a batch of one the normalisation leaves only
    its offset, there and here.
    Reference: Lee, Kim, Nam, "SRM: A Style-based Recalibration Module for Convolutional Neural
        Networks", ICCV 2019, arXiv:1903.10829.
    """

    score_kind = "channel"

    def __init__(self, epsilon: float = 1e-5, unbiased: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = positive("StyleRecalibration", epsilon=epsilon)
        self.unbiased = unbiased

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.style = self.add_weight((channels, 2), "zeros", name="style", autocast=False)
        self.norm = self.add(
            keras.layers.BatchNormalization,
            (None, channels),
            epsilon=1e-5,
            momentum=0.9,
            name="norm",
        )

    def call(self, x, training=None, return_attention_scores=False):
        if self.unbiased:
            several_positions("StyleRecalibration", x.shape, self.space)
        mean, variance = pool.mean_and_variance(x, self.space, unbiased=self.unbiased)
        deviation = ops.sqrt(variance + self.epsilon)
        z = self.style[:, 0] * mean + self.style[:, 1] * deviation  # (B, C)
        gate = ops.sigmoid(self.norm(z, training=training))
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "unbiased": self.unbiased}
