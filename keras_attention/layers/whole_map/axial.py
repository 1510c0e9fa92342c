"""Axial attention."""

import keras
from keras import ops

from ...ops import axes, lines
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, one_of, optional_at_least

MODES = ("sequential", "sum")


@keras.saving.register_keras_serializable("keras_attention")
class AxialAttention(AttentionLayer):
    """y = A_width(A_height(x)), or A_height(x) + A_width(x): attention within columns and rows.

    A(x) = W_out concat_h softmax(query_h(x) key_h(x)^T / sqrt(key_dim)) value_h(x), where the
    position looks at its own column (A_height) or row (A_width). Time and memory grow like
    N sqrt(N) for N positions. There are no position terms and no residual.

    Args:
        num_heads: Integer >= 1.
        key_dim: Width of one head; None is channels / num_heads.
        mode: "sequential", height first, or "sum".
        use_bias: Whether queries, keys and values have biases; W_out has one always.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: {"height": (batch, num_heads, N, N), "width": the same}, N = height * width, with zeros
        outside the own column, and the own row. Rows sum to 1. Take N * N numbers, built only when
        asked for.
    Raises: ValueError if `num_heads` or `key_dim` is below 1, for an unknown `mode`, or if
        `key_dim` is None and num_heads does not divide the channels.
    Differs from a common port, whose default is the sum.
    Reference: Ho, Kalchbrenner, Weissenborn, Salimans, "Axial Attention in Multidimensional
        Transformers", arXiv:1912.12180.
    """

    score_kind = {"height": "pairwise", "width": "pairwise"}
    slots = ("mixer",)

    def __init__(
        self,
        num_heads: int = 8,
        key_dim: int | None = None,
        mode: str = "sequential",
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "AxialAttention", num_heads=num_heads)
        self.key_dim = optional_at_least(1, "AxialAttention", key_dim=key_dim)
        self.mode = one_of(MODES, "AxialAttention", mode=mode)
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if self.key_dim is None and channels % self.num_heads:
            raise ValueError(
                f"AxialAttention {self.name!r}: num_heads must divide the {channels} channels, or "
                f"key_dim be given. Received: num_heads={self.num_heads}"
            )
        width = self.num_heads * (self.key_dim or channels // self.num_heads)
        for axis in ("height", "width"):
            query = self.add_dense(channels, width, use_bias=self.use_bias, name=f"{axis}_query")
            key_value = self.add_dense(
                channels, 2 * width, use_bias=self.use_bias, name=f"{axis}_key_value"
            )
            setattr(self, f"{axis}_query", query)
            setattr(self, f"{axis}_key_value", key_value)
            setattr(self, f"{axis}_out", self.add_dense(width, channels, name=f"{axis}_out"))

    def call(self, x, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        y, height = self._along_height(last, return_attention_scores)
        given = y if self.mode == "sequential" else last
        along_width, width = self._along_width(given, return_attention_scores)
        y = along_width if self.mode == "sequential" else y + along_width
        y = self.blend(x, axes.from_last(y, self.data_format))
        if return_attention_scores:
            # From (B, W, heads, H, H) and (B, H, heads, W, W).
            height = lines.dense_columns(ops.transpose(height, (0, 2, 3, 1, 4)))
            width = lines.dense_rows(ops.transpose(width, (0, 2, 1, 3, 4)))
            return y, {"height": height, "width": width}
        return y

    def _along_height(self, x, need_weights):
        layers = self.height_query, self.height_key_value, self.height_out
        y, weights = self._attend(ops.swapaxes(x, 1, 2), *layers, need_weights)
        return ops.swapaxes(y, 1, 2), weights

    def _along_width(self, x, need_weights):
        layers = self.width_query, self.width_key_value, self.width_out
        return self._attend(x, *layers, need_weights)

    def _attend(self, x, query, key_value, out, need_weights):
        """Attention along L in (B, lines, L, C), and its weights (B, lines, heads, L, L)."""
        batch, count, positions = ops.shape(x)[:3]
        tokens = ops.reshape(x, (-1, positions, x.shape[-1]))  # each line an element of the batch
        key, value = ops.split(key_value(tokens), 2, axis=-1)
        heads = (split_heads(part, self.num_heads) for part in (query(tokens), key, value))
        y, weights = attend(*heads, need_weights=need_weights)
        if need_weights:
            weights = ops.reshape(weights, (batch, count, self.num_heads, positions, positions))
        return ops.reshape(out(merge_heads(y)), ops.shape(x)), weights

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "mode": self.mode,
            "use_bias": self.use_bias,
        }
