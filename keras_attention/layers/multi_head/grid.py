"""The grid half of MaxViT's attention."""

import keras

from ...ops import windows
from ..base import AttentionLayer
from ..checks import at_least, rate
from . import partitioned


@keras.saving.register_keras_serializable("keras_attention")
class GridAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j softmax_j(q_i . k_j / sqrt(d) + table[i - j]) v_j over the j in
    the group of i, where i - j counts members of the group.

    A group is a coarse grid of g x g positions over the whole map: the positions
    (r + a H / g, s + b W / g) for a, b = 0 .. g - 1 attend to each other.

    Args:
        grid_size: Integer >= 1, the g positions of a group in each direction.
        key_dim: Width of one head; there are channels / key_dim heads.
        use_bias: Whether queries, keys and values have biases.
        dropout: Rate for the weights, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; any height and width, padded
        at the bottom and the right to multiples of `grid_size`. Output shape: the same.
    Scores: (batch, heads, N, N), N = height * width, zero outside the group; rows sum to 1. They
        take N * N numbers, built only when asked for.
    Raises: ValueError if an argument is out of its range, or `key_dim` does not divide the
        channels.
    Differs from public code, which needs multiples of the grid; here the padding is not attended
        to.
    Reference: Tu et al., "MaxViT: Multi-Axis Vision Transformer", ECCV 2022, arXiv:2204.01697.
    """

    score_kind = "pairwise"
    slots = ("mixer",)

    def __init__(
        self,
        grid_size: int = 7,
        key_dim: int = 32,
        use_bias: bool = True,
        dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.grid_size = at_least(1, "GridAttention", grid_size=grid_size)
        self.key_dim = at_least(1, "GridAttention", key_dim=key_dim)
        self.use_bias = use_bias
        self.dropout = rate("GridAttention", dropout=dropout)

    def build(self, input_shape):
        super().build(input_shape)
        partitioned.build(self, input_shape[self.channel], self.grid_size)

    def call(self, x, training=None, return_attention_scores=False):
        return partitioned.call(
            self, x, self.grid_size, windows.GRID, training, return_attention_scores
        )

    def get_config(self):
        return {
            **super().get_config(),
            "grid_size": self.grid_size,
            "key_dim": self.key_dim,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
