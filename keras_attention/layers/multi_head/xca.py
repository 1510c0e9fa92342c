"""Attention between channels."""

import keras
from keras import ops

from ...ops import norms
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, mask_of, rate


@keras.saving.register_keras_serializable("keras_attention")
class CrossCovarianceAttention(AttentionLayer):
    """y = W_out concat_h A v, A_ij = softmax_j(temperature q_i . k_j / (|q_i| |k_j|)).

    i and j are channels of one head, and q_i, k_j, v_j their values at all tokens, so the cost
    grows with the number of tokens, not with its square.

    Args:
        num_heads: Integer >= 1 that divides the channels.
        use_bias: Whether queries, keys and values have biases; the output always has one.
        dropout: Rate for the weights A, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True for the tokens that count.
    Input shape: tokens (batch, N, channels). Output shape: the same.
    Scores: (batch, heads, d, d), the weight of channel j for channel i of each head; rows sum to 1.
    Raises: ValueError if an argument is out of its range or the mask does not fit.
    Differs from timm's default, which has no biases of queries, keys and values. As there, keep
        weight decay away from `temperature`.
    Reference: El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", NeurIPS 2021,
        arXiv:2106.09681.
    """

    score_kind = "pairwise"
    slots = ("token",)
    ranks = (3,)

    def __init__(self, num_heads: int = 8, use_bias: bool = True, dropout: float = 0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "CrossCovarianceAttention", num_heads=num_heads)
        self.use_bias = use_bias
        self.dropout = rate("CrossCovarianceAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels, heads = input_shape[-1], self.num_heads
        divides(channels, "channels", f"CrossCovarianceAttention {self.name!r}", num_heads=heads)
        self.qkv = self.add_dense(channels, 3 * channels, use_bias=self.use_bias, name="qkv")
        self.temperature = self.add_weight(
            shape=(heads, 1, 1), initializer="ones", autocast=False, name="temperature"
        )
        self.proj = self.add_dense(channels, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, mask=None, training=None, return_attention_scores=False):
        mask = mask_of(x, mask, "CrossCovarianceAttention")
        qkv = self.qkv(x)
        if mask is not None:  # before the norms, which run over tokens
            qkv = qkv * ops.cast(ops.expand_dims(mask, -1), qkv.dtype)
        query, key, value = (
            ops.swapaxes(split_heads(part, self.num_heads), -1, -2)  # (B, heads, d, N)
            for part in ops.split(qkv, 3, axis=-1)
        )
        y, weights = attend(
            norms.unit(query),
            norms.unit(key),
            value,
            scale=self.temperature,
            dropout=self.drop,
            training=training,
        )
        y = self.blend(x, self.proj(merge_heads(ops.swapaxes(y, -1, -2))))
        return (y, weights) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
