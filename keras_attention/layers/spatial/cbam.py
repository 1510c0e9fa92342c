"""The convolutional block attention module."""

import keras

from ..base import AttentionLayer
from ..channel.channel_gate import ChannelGate
from ..checks import at_least, odd, optional_at_least
from .spatial_gate import SpatialGate


@keras.saving.register_keras_serializable("keras_attention")
class CBAM(AttentionLayer):
    """y = spatial_gate(channel_gate(x)): channels first, then positions.

    Args:
        reduction: Integer >= 1; the channel gate's hidden layer has channels // reduction units.
        hidden: Width of that hidden layer; None takes it from `reduction`.
        kernel_size: Odd integer, side of the spatial gate's window in pixels.
        use_bias: Whether the channel gate's dense layers have biases.
        use_norm: Whether the spatial gate has batch normalisation.
        gamma_initializer: Initialiser of that normalisation's scale.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: {"channel": (batch, channels), "spatial": (batch, height, width)}, the two factors.
    Raises: ValueError if `reduction` or `hidden` is below 1, `reduction` above the channels, or
        `kernel_size` even.
    Differs from timm's CbamModule: biases in the channel gate, and the order [max; mean] in the
    spatial one, both as in the authors' code. The branch starts scaled by about 0.25, so compare
    with a constant gate of that size before crediting attention.
    Reference: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018,
        arXiv:1807.06521.
    """

    score_kind = {"channel": "channel", "spatial": "spatial"}

    def __init__(
        self,
        reduction: int = 16,
        hidden: int | None = None,
        kernel_size: int = 7,
        use_bias: bool = True,
        use_norm: bool = True,
        gamma_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "CBAM", reduction=reduction)
        self.hidden = optional_at_least(1, "CBAM", hidden=hidden)
        self.kernel_size = odd("CBAM", kernel_size=kernel_size)
        self.use_bias = use_bias
        self.use_norm = use_norm
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        super().build(input_shape)
        shared = {"data_format": self.data_format, "dtype": self.dtype_policy}
        self.channel_gate = ChannelGate(
            self.reduction, self.hidden, self.use_bias, name="channel_gate", **shared
        )
        self.spatial_gate = SpatialGate(
            self.kernel_size,
            self.use_norm,
            gamma_initializer=self.gamma_initializer,
            name="spatial_gate",
            **shared,
        )
        self.channel_gate.build(input_shape)
        self.spatial_gate.build(input_shape)

    def call(self, x, training=None, return_attention_scores=False):
        refined, channel = self.channel_gate(x, return_attention_scores=True)
        y, spatial = self.spatial_gate(refined, training=training, return_attention_scores=True)
        y = self.blend(x, y)
        return (y, {"channel": channel, "spatial": spatial}) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "hidden": self.hidden,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "use_norm": self.use_norm,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }
