"""Multi-head self-attention, with the usual ways to tell it positions."""

import keras
from keras import ops

from ...ops import axes, relative
from ...ops import rope as rotary
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import (
    at_least,
    divides,
    mask_of,
    one_of,
    optional_at_least,
    optional_pair,
    positive,
    rate,
)

QK_NORMS = {
    None: keras.layers.Identity,
    "layer": keras.layers.LayerNormalization,
    "rms": keras.layers.RMSNormalization,
}
NAME = "MultiHeadSelfAttention"


@keras.saving.register_keras_serializable("keras_attention")
class MultiHeadSelfAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j softmax_j(q_i . k_j / sqrt(d) + B_ij) v_j over all positions j.

    Positions enter by `rope`, which turns q_i and k_j by angles that grow with y and x, by
    `relative_position_bias`, a learned B for each offset and head, or not at all. Both need a
    fixed grid: that of a map, or for tokens `grid_size` after `num_prefix_tokens` tokens without
    a place, such as a class token, which are not turned and have B = 0.

    Args:
        num_heads: Integer >= 1.
        key_dim: Width d of one head; None is channels / num_heads.
        use_bias: Whether queries, keys and values have biases; the output always has one.
        qk_norm: None, or "layer" or "rms": normalise each query and key over d.
        rope: Whether to turn queries and keys (two-dimensional rotary positions); d must be a
            multiple of 4.
        rope_theta: Base of the wavelengths.
        rope_layout: "interleaved" (channels 2i and 2i + 1 turn together) or "half" (i, i + d / 2).
        reference_grid: (height, width) of the grid the model was trained on; positions are
            multiplied by reference / actual size. None leaves them alone.
        relative_position_bias: Whether to learn B.
        grid_size: (height, width) of the tokens' grid; not needed for maps.
        num_prefix_tokens: Tokens before those of the grid.
        dropout: Rate for the weights, in training.
        projection_dropout: Rate for the output, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True where a position may be attended to.
    Input shape: tokens (batch, N, channels) or a map (batch, height, width, channels), or channels
        first. Output shape: the same.
    Scores: (batch, heads, N, N), N = height * width for a map; rows sum to 1. Without them and
        without active dropout, large inputs are computed in blocks of queries, in less memory.
    Raises: ValueError if an argument is out of its range, the channels do not fit the heads, the
        grid does not fit the input or the mask does not.
    Differs from timm's default, which has no biases of queries, keys and values.
    Reference: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762;
        Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929. Rotary
        positions: Su et al., arXiv:2104.09864, in two dimensions as in EVA-02, arXiv:2303.11331.
    """

    score_kind = "pairwise"
    slots = ("token", "mixer")
    ranks = (3, 4)

    def __init__(
        self,
        num_heads: int = 8,
        key_dim: int | None = None,
        use_bias: bool = True,
        qk_norm: str | None = None,
        rope: bool = False,
        rope_theta: float = 10000,
        rope_layout: str = "interleaved",
        reference_grid=None,
        relative_position_bias: bool = False,
        grid_size=None,
        num_prefix_tokens: int = 0,
        dropout: float = 0,
        projection_dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, NAME, num_heads=num_heads)
        self.key_dim = optional_at_least(1, NAME, key_dim=key_dim)
        self.use_bias = use_bias
        self.qk_norm = one_of(QK_NORMS, NAME, qk_norm=qk_norm)
        self.rope = rope
        self.rope_theta = positive(NAME, rope_theta=rope_theta)
        self.rope_layout = one_of(rotary.LAYOUTS, NAME, rope_layout=rope_layout)
        self.reference_grid = optional_pair(NAME, reference_grid=reference_grid)
        self.relative_position_bias = relative_position_bias
        self.grid_size = optional_pair(NAME, grid_size=grid_size)
        self.num_prefix_tokens = at_least(0, NAME, num_prefix_tokens=num_prefix_tokens)
        self.dropout = rate(NAME, dropout=dropout)
        self.projection_dropout = rate(NAME, projection_dropout=projection_dropout)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels, owner = input_shape[self.channel], f"{NAME} {self.name!r}"
        if self.key_dim is None:
            divides(channels, "channels", owner, num_heads=self.num_heads)
        width = self.key_dim or channels // self.num_heads
        if self.rope and width % 4:
            raise ValueError(
                f"{owner}: rope turns pairs of channels with y and with x, so the width of a head "
                f"must be a multiple of 4. Received: key_dim={width}"
            )
        self.grid = self._grid(input_shape) if self.rope or self.relative_position_bias else None
        inner = self.num_heads * width
        self.qkv = self.add_dense(channels, 3 * inner, use_bias=self.use_bias, name="qkv")
        norm = QK_NORMS[self.qk_norm]
        more = {"epsilon": 1e-6} if self.qk_norm else {}
        self.query_norm = self.add(norm, (None, None, None, width), name="query_norm", **more)
        self.key_norm = self.add(norm, (None, None, None, width), name="key_norm", **more)
        if self.rope:
            self.angles = rotary.angles(*self.grid, width, self.rope_theta, self.reference_grid)
        if self.relative_position_bias:
            height, width = self.grid
            self.position_bias = self.add_weight(
                shape=((2 * height - 1) * (2 * width - 1), self.num_heads),
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
                autocast=False,
                name="position_bias",
            )
        self.proj = self.add_dense(inner, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")
        self.projection_drop = self.add(
            keras.layers.Dropout, None, self.projection_dropout, name="projection_dropout"
        )

    def _grid(self, shape) -> tuple[int, int]:
        """The height and width that positions are on, if they fit the input."""
        self.check_shape(shape, static=True)
        self.sizes, prefix = tuple(shape[1:]), self.num_prefix_tokens
        if len(shape) == 4:
            grid = (shape[self.space[0]], shape[self.space[1]])
            if prefix or self.grid_size not in (None, grid):
                raise ValueError(
                    f"{NAME} {self.name!r}: a map of {grid[0]} x {grid[1]} has that grid_size and "
                    f"no prefix tokens. Received: grid_size={self.grid_size}, "
                    f"num_prefix_tokens={prefix}"
                )
            return grid
        if self.grid_size is None or prefix + self.grid_size[0] * self.grid_size[1] != shape[1]:
            raise ValueError(
                f"{NAME} {self.name!r}: rope and relative_position_bias need a grid_size "
                f"(height, width) with num_prefix_tokens + height * width = {shape[1]} tokens. "
                f"Received: grid_size={self.grid_size}, num_prefix_tokens={prefix}"
            )
        return self.grid_size

    def call(self, x, mask=None, training=None, return_attention_scores=False):
        self._check_sizes(x)
        tokens = axes.to_tokens(x, self.data_format)
        mask = mask_of(tokens, mask, NAME)
        parts = ops.split(self.qkv(tokens), 3, axis=-1)
        query, key, value = (split_heads(part, self.num_heads) for part in parts)
        y, scores = attend(
            self._turn(self.query_norm(query)),
            self._turn(self.key_norm(key)),
            value,
            bias=self._bias(),
            mask=None if mask is None else mask[:, None, None, :],
            dropout=self.drop,
            training=training,
            need_weights=return_attention_scores,
        )
        y = self.projection_drop(self.proj(merge_heads(y)), training=training)
        y = self.blend(x, axes.from_tokens(y, x, self.data_format))
        return (y, scores) if return_attention_scores else y

    def _check_sizes(self, x):
        if self.grid is not None and tuple(x.shape[1:]) != self.sizes:
            raise ValueError(
                f"{NAME} {self.name!r} has the positions of an input {(None, *self.sizes)}. "
                f"Received: an input of shape {tuple(x.shape)}"
            )

    def _turn(self, x):
        """Queries or keys (B, heads, N, d), turned beyond the prefix."""
        if not self.rope:
            return x
        prefix = self.num_prefix_tokens
        turned = rotary.rotate(x[:, :, prefix:], self.angles, self.rope_layout)
        return ops.concatenate([x[:, :, :prefix], turned], axis=2) if prefix else turned

    def _bias(self):
        """B, (heads, N, N), zero for the prefix, or None."""
        if not self.relative_position_bias:
            return None
        bias, prefix = relative.table_bias(self.position_bias, *self.grid), self.num_prefix_tokens
        return ops.pad(bias, ((0, 0), (prefix, 0), (prefix, 0)))

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "use_bias": self.use_bias,
            "qk_norm": self.qk_norm,
            "rope": self.rope,
            "rope_theta": self.rope_theta,
            "rope_layout": self.rope_layout,
            "reference_grid": self.reference_grid and list(self.reference_grid),
            "relative_position_bias": self.relative_position_bias,
            "grid_size": self.grid_size and list(self.grid_size),
            "num_prefix_tokens": self.num_prefix_tokens,
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
        }
