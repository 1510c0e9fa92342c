"""Attention of the class token alone."""

import keras

from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, mask_of, rate


@keras.saving.register_keras_serializable("keras_attention")
class ClassAttention(AttentionLayer):
    """y = W_out concat_h sum_j softmax_j(q_0 . k_j / sqrt(d)) v_j: token 0 looks at all tokens.

    Args:
        num_heads: Integer >= 1 that divides the channels.
        use_bias: Whether queries, keys and values have biases; the output always has one.
        dropout: Rate for the weights, in training.
        **kwargs: `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True where a token may be attended to.
    Input shape: tokens (batch, N, channels), the class token first.
    Output shape: (batch, 1, channels), the new class token; the block that surrounds this layer
        adds the old one and puts it before the other tokens again.
    Scores: (batch, heads, N), the weights of the class token and the others; rows sum to 1.
    Raises: ValueError if an argument is out of its range or the mask does not fit.
    Differs from timm's default, which has no biases of queries, keys and values.
    Reference: Touvron et al., "Going deeper with Image Transformers", ICCV 2021, arXiv:2103.17239.
    """

    score_kind = "pool"
    slots = ("pool",)
    ranks = (3,)
    identity_start = None

    def __init__(self, num_heads: int = 8, use_bias: bool = True, dropout: float = 0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "ClassAttention", num_heads=num_heads)
        self.use_bias = use_bias
        self.dropout = rate("ClassAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels, bias = input_shape[-1], self.use_bias
        divides(channels, "channels", f"ClassAttention {self.name!r}", num_heads=self.num_heads)
        self.query = self.add_dense(channels, channels, use_bias=bias, name="query")
        self.key = self.add_dense(channels, channels, use_bias=bias, name="key")
        self.value = self.add_dense(channels, channels, use_bias=bias, name="value")
        self.proj = self.add_dense(channels, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, mask=None, training=None, return_attention_scores=False):
        mask = mask_of(x, mask, "ClassAttention")
        y, weights = attend(
            split_heads(self.query(x[:, :1]), self.num_heads),  # (B, heads, 1, d)
            split_heads(self.key(x), self.num_heads),
            split_heads(self.value(x), self.num_heads),
            mask=None if mask is None else mask[:, None, None, :],
            dropout=self.drop,
            training=training,
        )
        y = self.proj(merge_heads(y))
        return (y, weights[:, :, 0]) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
