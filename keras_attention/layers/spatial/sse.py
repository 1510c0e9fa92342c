"""Spatial squeeze-and-excitation."""

import keras
from keras import ops

from ..base import AttentionLayer


@keras.saving.register_keras_serializable("keras_attention")
class SpatialSqueezeExcite(AttentionLayer):
    """y = x * sigmoid(w . x + b): one number from the channels of each position.

    Args:
        use_bias: Whether there is a b.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position.
    Differs from the paper: its equation shows no b.
    Differs from some copies, whose convolution has as many filters as channels.
    Reference: Roy, Navab, Wachinger, "Concurrent Spatial and Channel Squeeze & Excitation in Fully
        Convolutional Networks", MICCAI 2018, arXiv:1803.02579.
    """

    score_kind = "spatial"

    def __init__(self, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.score = self.add_conv(
            channels, 1, 1, activation="sigmoid", use_bias=self.use_bias, name="score"
        )

    def call(self, x, return_attention_scores=False):
        gate = self.score(x)  # one channel
        y = self.blend(x, x * gate)
        if not return_attention_scores:
            return y
        return y, ops.cast(ops.squeeze(gate, self.channel), "float32")

    def get_config(self):
        return {**super().get_config(), "use_bias": self.use_bias}
