"""Efficient channel attention."""

import math

import keras
from keras import ops

from ..base import AttentionLayer
from ..checks import at_least, odd


@keras.saving.register_keras_serializable("keras_attention")
class EfficientChannelAttention(AttentionLayer):
    """y = x * sigmoid(conv_k z), a convolution along the channels of z, the mean of x over space.

    Args:
        kernel_size: Odd integer k, or None for the paper's rule: the integer part of
            |log2(channels) + beta| / gamma, plus one if even, at least 3.
        gamma: Divisor in that rule.
        beta: Offset in that rule.
        circular: Whether the first and the last channel are neighbours; zeros stand at both ends
            otherwise.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel.
    Raises: ValueError if `kernel_size` is not odd, or `circular` has to wrap further than the
        channels reach.
    Differs from the authors' ResNets, which take kernel_size=3 in every stage. The floor of 3 is
    timm's, and keeps the rule from a kernel of 1 on few channels.
    Reference: Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural
        Networks", CVPR 2020, arXiv:1910.03151.
    """

    score_kind = "channel"

    def __init__(
        self,
        kernel_size: int | None = None,
        gamma: int = 2,
        beta: int = 1,
        circular: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "EfficientChannelAttention"
        self.kernel_size = None if kernel_size is None else odd(owner, kernel_size=kernel_size)
        self.gamma = at_least(1, owner, gamma=gamma)
        self.beta = at_least(0, owner, beta=beta)
        self.circular = circular

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        size = self.kernel_size or self.size_for(channels)
        if self.circular and size // 2 > channels:
            raise ValueError(
                f"EfficientChannelAttention {self.name!r} with circular=True needs at least "
                f"kernel_size // 2 channels. Received: kernel_size={size}, channels={channels}"
            )
        self.conv = keras.layers.Conv1D(
            1,
            size,
            padding="valid" if self.circular else "same",
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="conv",
        )
        self.conv.build((None, None, 1))  # wrapping lengthens the axis

    def size_for(self, channels: int) -> int:
        """The paper's kernel size for that many channels."""
        size = int(abs(math.log2(channels) + self.beta) / self.gamma)
        return max(3, size + 1 if size % 2 == 0 else size)

    def call(self, x, return_attention_scores=False):
        z = ops.mean(x, self.space)  # (B, C)
        if self.circular:
            reach = self.conv.kernel_size[0] // 2
            z = ops.concatenate([z[:, z.shape[1] - reach :], z, z[:, :reach]], axis=1)
        gate = ops.sigmoid(ops.squeeze(self.conv(ops.expand_dims(z, -1)), -1))
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "gamma": self.gamma,
            "beta": self.beta,
            "circular": self.circular,
        }
