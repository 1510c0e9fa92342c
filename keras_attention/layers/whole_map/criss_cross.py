"""The criss-cross attention of CCNet."""

import keras
from keras import ops

from ...ops import axes, lines
from ...ops.dot_product import MASKED, masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, reduced


@keras.saving.register_keras_serializable("keras_attention")
class CrissCrossAttention(AttentionLayer):
    """y = x + gamma sum_j softmax_j(query(x) . key(x_j)) value(x_j), repeated with y for x.

    j runs over the height + width - 1 positions of the own row and column, so that two passes reach
    every position. Time and memory grow like N sqrt(N) for N positions.

    Args:
        reduction: Integer >= 1; query and key have channels // reduction channels.
        recurrence: Integer >= 1, the number of passes; all use the same weights.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, N, N), those of the last pass, with zeros outside the own row and column.
        Rows sum to 1. Takes N * N numbers, built only when asked for.
    Raises: ValueError if `reduction` or `recurrence` is below 1, or `reduction` above the channels.
    Starts as the identity: gamma is zero.
    Reference: Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV 2019,
        arXiv:1811.11721.
    """

    score_kind = "pairwise"
    identity_start = "native"

    def __init__(self, reduction: int = 8, recurrence: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "CrissCrossAttention", reduction=reduction)
        self.recurrence = at_least(1, "CrissCrossAttention", recurrence=recurrence)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"CrissCrossAttention {self.name!r}"
        hidden = reduced(channels, owner, reduction=self.reduction)
        self.query = self.add_dense(channels, hidden, name="query")
        self.key = self.add_dense(channels, hidden, name="key")
        self.value = self.add_dense(channels, channels, name="value")
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, x, return_attention_scores=False):
        y = axes.to_last(x, self.data_format)
        for _ in range(self.recurrence):
            y, column, row = self._one_pass(y)
        scores = None
        if return_attention_scores:
            scores = lines.dense_columns(column) + lines.dense_rows(row)
        y = axes.from_last(y, self.data_format)
        return (y, scores) if return_attention_scores else y

    def _one_pass(self, x):
        """The output, and the weights (B, 1, H, W, H) of the column and (B, 1, H, W, W) of the row.

        Letters: b batch, h and w the query's position, g the key's in its column, v in its row.
        """
        query, key, value = self.query(x), self.key(x), self.value(x)
        column = ops.einsum("bhwd,bgwd->bhwg", query, key)
        row = ops.einsum("bhwd,bhvd->bhwv", query, key)
        column, row = ops.cast(column, "float32"), ops.cast(row, "float32")
        # The own position is in the row, and must not count again in the column.
        height = ops.shape(x)[1]
        own = ops.arange(height)[:, None, None] == ops.arange(height)
        column = ops.where(own, MASKED, column)
        weights = masked_softmax(ops.concatenate([column, row], axis=-1))
        column, row = weights[..., :height], weights[..., height:]
        y = ops.einsum("bhwg,bgwc->bhwc", ops.cast(column, value.dtype), value)
        y = y + ops.einsum("bhwv,bhvc->bhwc", ops.cast(row, value.dtype), value)
        return x + ops.cast(self.gamma, y.dtype) * y, column[:, None], row[:, None]

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "recurrence": self.recurrence,
        }
