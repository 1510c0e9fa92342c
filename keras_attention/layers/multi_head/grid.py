"""The grid half of MaxViT's attention."""

import keras
from keras import ops

from ...ops import axes, relative, windows
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, rate


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
        channels = input_shape[self.channel]
        divides(channels, "channels", f"GridAttention {self.name!r}", key_dim=self.key_dim)
        self.num_heads = channels // self.key_dim
        self.qkv = self.add_dense(channels, 3 * channels, use_bias=self.use_bias, name="qkv")
        self.position_bias = self.add_weight(
            shape=((2 * self.grid_size - 1) ** 2, self.num_heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            autocast=False,
            name="position_bias",
        )
        self.proj = self.add_dense(channels, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, training=None, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        size, (batch, height, width) = self.grid_size, ops.shape(last)[:3]
        padded = windows.pad(last, size)
        qkv = self.qkv(windows.split_grid(padded, size))  # (B groups, size size, 3 C)

        def to_map(tokens):
            y = windows.merge_grid(tokens, size, *ops.shape(padded)[1:3])
            return windows.crop(y, height, width)

        y, weights = attend(
            *(split_heads(part, self.num_heads) for part in ops.split(qkv, 3, axis=-1)),
            bias=relative.table_bias(self.position_bias, size, size),
            mask=windows.key_mask(height, width, size, batch, windows.split_grid),
            dropout=self.drop,
            training=training,
        )
        y = self.blend(x, axes.from_last(to_map(self.proj(merge_heads(y))), self.data_format))
        if return_attention_scores:
            weights = axes.to_tokens(to_map(merge_heads(weights)), "channels_last")
            weights = split_heads(weights, self.num_heads)  # (B, heads, N, size size)
            rows, columns = (windows.grid_slots(side, size) for side in (height, width))
            return y, windows.dense(weights, rows, columns, (size, size))
        return y

    def get_config(self):
        return {
            **super().get_config(),
            "grid_size": self.grid_size,
            "key_dim": self.key_dim,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
