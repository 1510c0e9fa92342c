"""The block half of MaxViT's attention."""

import keras

from ...ops import windows
from ..base import AttentionLayer
from ..checks import at_least, rate
from . import partitioned


@keras.saving.register_keras_serializable("keras_attention")
class BlockAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j softmax_j(q_i . k_j / sqrt(d) + table[i - j]) v_j over the j in
    the block of i.

    Blocks are windows of p x p neighbouring pixels; with `GridAttention` after it each position
    reaches all others.

    Args:
        window_size: Integer >= 1, side of a block in pixels.
        key_dim: Width of one head; there are channels / key_dim heads.
        use_bias: Whether queries, keys and values have biases.
        dropout: Rate for the weights, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; any height and width, padded
        at the bottom and the right to multiples of `window_size`. Output shape: the same.
    Scores: (batch, heads, N, N), N = height * width, zero outside the block; rows sum to 1. They
        take N * N numbers, built only when asked for.
    Raises: ValueError if an argument is out of its range, or `key_dim` does not divide the
        channels.
    Differs from public code, which needs multiples of the block; here the padding is not attended
        to. On multiples it is `WindowAttention` without shift.
    Reference: Tu et al., "MaxViT: Multi-Axis Vision Transformer", ECCV 2022, arXiv:2204.01697.
    """

    score_kind = "pairwise"
    slots = ("mixer",)

    def __init__(
        self,
        window_size: int = 7,
        key_dim: int = 32,
        use_bias: bool = True,
        dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.window_size = at_least(1, "BlockAttention", window_size=window_size)
        self.key_dim = at_least(1, "BlockAttention", key_dim=key_dim)
        self.use_bias = use_bias
        self.dropout = rate("BlockAttention", dropout=dropout)

    def build(self, input_shape):
        super().build(input_shape)
        partitioned.build(self, input_shape[self.channel], self.window_size)

    def call(self, x, training=None, return_attention_scores=False):
        return partitioned.call(
            self, x, self.window_size, windows.BLOCKS, training, return_attention_scores
        )

    def get_config(self):
        return {
            **super().get_config(),
            "window_size": self.window_size,
            "key_dim": self.key_dim,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
