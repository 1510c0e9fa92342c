"""SimAM, a gate without parameters."""

import keras
from keras import ops

from ...ops import pool
from ..base import AttentionLayer
from ..checks import positive, several_positions


@keras.saving.register_keras_serializable("keras_attention")
class SimAM(AttentionLayer):
    """y = x * sigmoid((x - m)^2 / (4 (v + e_lambda)) + 0.5), m and v the mean and variance of x.

    Both are per channel and over space; the variance divides by positions - 1. What stands out
    from its channel gets more weight: what the sigmoid sees is 1 / the paper's minimal energy.

    Args:
        e_lambda: Added to the variance, above zero.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, as the mean over channels. No
        factor is below sigmoid(0.5) = 0.622.
    Raises: ValueError if `e_lambda` is not above zero, or for a map of one position, whose variance
        is 0 / 0.
    Differs from the paper's equation (5), whose variance divides by positions; its listing divides
    by positions - 1, as here.
    Reference: Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional
        Neural Networks", ICML 2021, PMLR 139.
    """

    score_kind = "spatial"

    def __init__(self, e_lambda: float = 1e-4, **kwargs):
        super().__init__(**kwargs)
        self.e_lambda = positive("SimAM", e_lambda=e_lambda)

    def call(self, x, return_attention_scores=False):
        several_positions("SimAM", x.shape, self.space)
        values = ops.cast(x, "float32")
        mean, variance = pool.mean_and_variance(values, self.space, unbiased=True, keepdims=True)
        energy = ops.square(values - mean) / (4 * (variance + self.e_lambda)) + 0.5
        gate = ops.sigmoid(energy)  # one for each position and channel
        y = self.blend(x, x * ops.cast(gate, x.dtype))
        return (y, ops.mean(gate, self.channel)) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "e_lambda": self.e_lambda}
