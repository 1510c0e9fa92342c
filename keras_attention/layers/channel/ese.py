"""Effective squeeze-and-excitation."""

import keras
from keras import ops

from ..base import AttentionLayer


@keras.saving.register_keras_serializable("keras_attention")
class EffectiveSqueezeExcite(AttentionLayer):
    """y = x * gate(W z + b), where z is the mean of x over space and W is channels by channels.

    Args:
        gate: Activation of the output. Keras's hard_sigmoid is clip(v + 3, 0, 6) / 6, the paper's.
        use_bias: Whether the dense layer has a bias.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel.
    Raises: ValueError if `gate` is no activation.
    Differs from squeeze-and-excitation: one dense layer and no narrow one, which loses channels.
    Differs from Keras 2, whose hard_sigmoid was clip(0.2 v + 0.5, 0, 1).
    Reference: Lee, Park, "CenterMask: Real-Time Anchor-Free Instance Segmentation", CVPR 2020,
        arXiv:1911.06667.
    """

    score_kind = "channel"

    def __init__(self, gate="hard_sigmoid", use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.gate = keras.activations.get(gate)
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.excite = self.add_dense(
            channels, channels, activation=self.gate, use_bias=self.use_bias, name="excite"
        )

    def call(self, x, return_attention_scores=False):
        z = ops.mean(x, self.space)  # (B, C)
        gate = self.excite(z)
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "gate": keras.activations.serialize(self.gate),
            "use_bias": self.use_bias,
        }
