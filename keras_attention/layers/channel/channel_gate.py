"""The channel half of CBAM."""

import keras
from keras import ops

from ...ops import pool
from ..base import AttentionLayer
from ..checks import at_least, optional_at_least, reduced

POOLS = ("avg", "max")


@keras.saving.register_keras_serializable("keras_attention")
class ChannelGate(AttentionLayer):
    """y = x * sigmoid(M(mean x) + M(max x)), M(z) = W2 relu(W1 z + b1) + b2, both over space.

    Args:
        reduction: Integer >= 1; the hidden layer has channels // reduction units.
        hidden: Width of the hidden layer; None takes it from `reduction`.
        use_bias: Whether the two dense layers have biases.
        pools: Which descriptors to add up: "avg", "max" or both.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel.
    Raises: ValueError if `reduction` or `hidden` is below 1, `reduction` above the channels, or
        `pools` empty or unknown.
    Differs from timm's ChannelAttn, which has no biases by default; as M is shared and the sum
    comes after it, b2 counts once for each pool here and in the authors' code.
    Reference: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018,
        arXiv:1807.06521, equation (2).
    """

    score_kind = "channel"

    def __init__(
        self,
        reduction: int = 16,
        hidden: int | None = None,
        use_bias: bool = True,
        pools: tuple[str, ...] = POOLS,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "ChannelGate", reduction=reduction)
        self.hidden = optional_at_least(1, "ChannelGate", hidden=hidden)
        self.use_bias = use_bias
        if isinstance(pools, str) or not pools or set(pools) - set(POOLS):
            raise ValueError(
                f"ChannelGate: pools must be a sequence of one or both of {list(POOLS)}. "
                f"Received: pools={pools!r}"
            )
        self.pools = tuple(name for name in POOLS if name in pools)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"ChannelGate {self.name!r}"
        hidden = self.hidden or reduced(channels, owner, reduction=self.reduction)
        self.squeeze = self.add_dense(
            channels, hidden, activation="relu", use_bias=self.use_bias, name="squeeze"
        )
        self.excite = self.add_dense(hidden, channels, use_bias=self.use_bias, name="excite")

    def call(self, x, return_attention_scores=False):
        descriptors = zip(POOLS, pool.mean_and_max(x, self.space), strict=True)
        z = ops.stack([z for name, z in descriptors if name in self.pools])  # (pools, B, C)
        gate = ops.sigmoid(ops.sum(self.excite(self.squeeze(z)), 0))  # (B, C)
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "hidden": self.hidden,
            "use_bias": self.use_bias,
            "pools": list(self.pools),
        }
