"""The position half of DANet."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import attend
from ..base import AttentionLayer
from ..checks import at_least, reduced


@keras.saving.register_keras_serializable("keras_attention")
class PositionAttention(AttentionLayer):
    """y = x + gamma softmax(query(x) key(x)^T) value(x), each position looking at all.

    Args:
        reduction: Integer >= 1; query and key have channels // reduction channels.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, N, N) with N = height * width. Rows sum to 1.
    Raises: ValueError if `reduction` is below 1 or above the channels.
    Starts as the identity: gamma is zero. There is no scale of the products and no projection of
    the output. Differs from pytorchcv, whose gamma starts at 1.
    Reference: Fu et al., "Dual Attention Network for Scene Segmentation", CVPR 2019,
        arXiv:1809.02983.
    """

    score_kind = "pairwise"
    identity_start = "native"

    def __init__(self, reduction: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "PositionAttention", reduction=reduction)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"PositionAttention {self.name!r}"
        hidden = reduced(channels, owner, reduction=self.reduction)
        self.query = self.add_dense(channels, hidden, name="query")
        self.key = self.add_dense(channels, hidden, name="key")
        self.value = self.add_dense(channels, channels, name="value")
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def branch(self, x, need_weights: bool):
        """What is added to `x`, and the scores."""
        tokens = axes.to_tokens(x, self.data_format)[:, None]  # (B, 1, N, C)
        query, key, value = self.query(tokens), self.key(tokens), self.value(tokens)
        y, scores = attend(query, key, value, scale=1.0, need_weights=need_weights)
        y = ops.cast(self.gamma, y.dtype) * y[:, 0]
        return axes.from_tokens(y, x, self.data_format), scores

    def call(self, x, return_attention_scores=False):
        y, scores = self.branch(x, return_attention_scores)
        return (x + y, scores) if return_attention_scores else x + y

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
