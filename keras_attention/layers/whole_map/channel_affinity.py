"""The channel half of DANet."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer


@keras.saving.register_keras_serializable("keras_attention")
class ChannelAffinityAttention(AttentionLayer):
    """y_i = x_i + gamma sum_j softmax_j(-x_i . x_j) x_j, where x_i is channel i, all positions.

    Its only weight is gamma.

    Args:
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, channels, channels). Rows sum to 1.
    Starts as the identity: gamma is zero.
    Differs from the paper's equation, softmax_j(x_i . x_j): the sign is that of the authors' code,
    max_j E - E for the products E, so that *unlike* channels get the weight. Products grow with the
    number of positions, and are taken in float32.
    Reference: Fu et al., "Dual Attention Network for Scene Segmentation", CVPR 2019,
        arXiv:1809.02983.
    """

    score_kind = "pairwise"
    identity_start = "native"

    def build(self, input_shape):
        super().build(input_shape)
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def branch(self, x):
        """What is added to `x`, and the scores."""
        tokens = axes.to_tokens(x, self.data_format)  # (B, N, C)
        exact = ops.cast(tokens, "float32")
        products = ops.matmul(ops.swapaxes(exact, 1, 2), exact)  # (B, C, C)
        weights = masked_softmax(-products)
        y = ops.matmul(tokens, ops.swapaxes(ops.cast(weights, tokens.dtype), 1, 2))
        y = ops.cast(self.gamma, y.dtype) * y
        return axes.from_tokens(y, x, self.data_format), weights[:, None]

    def call(self, x, return_attention_scores=False):
        y, scores = self.branch(x)
        return (x + y, scores) if return_attention_scores else x + y
