"""Squeeze-and-excitation."""

import keras
from keras import ops

from ..base import AttentionLayer
from ..checks import at_least, optional_at_least, reduced


@keras.saving.register_keras_serializable("keras_attention")
class SqueezeExcite(AttentionLayer):
    """y = x * gate(W2 activation(W1 z + b1) + b2), where z is the mean of x over space.

    Args:
        reduction: Integer >= 1; the hidden layer has channels // reduction units.
        hidden: Width of the hidden layer; None takes it from `reduction`.
        activation: Activation of the hidden layer.
        gate: Activation of the output, the sigmoid in the paper.
        use_bias: Whether the two dense layers have biases.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel.
    Raises: ValueError if `reduction` or `hidden` is below 1, or `reduction` above the channels.
    Differs from the paper: both layers have a bias, which its equation (3) does not show.
    Differs from timm, which rounds the hidden width to a multiple of 8.
    Reference: Hu, Shen, Sun, "Squeeze-and-Excitation Networks", CVPR 2018, arXiv:1709.01507.
    """

    score_kind = "channel"

    def __init__(
        self,
        reduction: int = 16,
        hidden: int | None = None,
        activation="relu",
        gate="sigmoid",
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "SqueezeExcite", reduction=reduction)
        self.hidden = optional_at_least(1, "SqueezeExcite", hidden=hidden)
        self.activation = keras.activations.get(activation)
        self.gate = keras.activations.get(gate)
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"SqueezeExcite {self.name!r}"
        hidden = self.hidden or reduced(channels, owner, reduction=self.reduction)
        self.squeeze = self.add_dense(
            channels, hidden, activation=self.activation, use_bias=self.use_bias, name="squeeze"
        )
        self.excite = self.add_dense(
            hidden, channels, activation=self.gate, use_bias=self.use_bias, name="excite"
        )

    def call(self, x, return_attention_scores=False):
        z = ops.mean(x, self.space)  # (B, C)
        gate = self.excite(self.squeeze(z))
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "hidden": self.hidden,
            "activation": keras.activations.serialize(self.activation),
            "gate": keras.activations.serialize(self.gate),
            "use_bias": self.use_bias,
        }
