"""Multi-head attention whose heads talk to one another."""

import keras
from keras import ops

from ...ops.dot_product import masked_softmax, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, mask_of, rate


@keras.saving.register_keras_serializable("keras_attention")
class TalkingHeadsAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j A_hij v_hj, A = P_w softmax_j(P_l L), L_hij = q_hi.k_hj / sqrt(d).

    P_l and P_w mix the heads: (P L)_gij = sum_h P_gh L_hij + b_g.

    Args:
        num_heads: Integer >= 1 that divides the channels.
        use_bias: Whether queries, keys and values have biases; the output and the two mixtures
            always have one.
        dropout: Rate for the weights A, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True where a token may be attended to.
    Input shape: tokens (batch, N, channels). Output shape: the same.
    Scores: (batch, heads, N, N), the weights A. Their rows need not sum to 1, and they can be
        negative.
    Raises: ValueError if an argument is out of its range or the mask does not fit.
    Differs from `MultiHeadSelfAttention`, which it equals for P_l = P_w = 1 and b = 0, in memory
        too: it holds all N * N weights, since no head can be computed without the others.
    Reference: Shazeer et al., "Talking-Heads Attention", arXiv:2003.02436; with biases as in
        Touvron et al., "Going deeper with Image Transformers", arXiv:2103.17239.
    """

    score_kind = "pairwise"
    slots = ("token",)
    ranks = (3,)

    def __init__(self, num_heads: int = 8, use_bias: bool = True, dropout: float = 0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "TalkingHeadsAttention", num_heads=num_heads)
        self.use_bias = use_bias
        self.dropout = rate("TalkingHeadsAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels, heads = input_shape[-1], self.num_heads
        divides(channels, "channels", f"TalkingHeadsAttention {self.name!r}", num_heads=heads)
        self.qkv = self.add_dense(channels, 3 * channels, use_bias=self.use_bias, name="qkv")
        self.mix_logits = self.add_dense(heads, heads, name="mix_logits")
        self.mix_weights = self.add_dense(heads, heads, name="mix_weights")
        self.proj = self.add_dense(channels, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, mask=None, training=None, return_attention_scores=False):
        mask = mask_of(x, mask, "TalkingHeadsAttention")
        mask = None if mask is None else mask[:, None, None, :]
        parts = ops.split(self.qkv(x), 3, axis=-1)
        query, key, value = (split_heads(part, self.num_heads) for part in parts)
        query = query * query.shape[-1] ** -0.5
        logits = _mix(self.mix_logits, ops.matmul(query, ops.swapaxes(key, -1, -2)))
        weights = _mix(self.mix_weights, masked_softmax(logits, mask))
        weights = ops.cast(weights, "float32")
        if mask is not None:
            weights = weights * ops.cast(mask, "float32")  # the bias of P_w gave them some again
        applied = self.drop(ops.cast(weights, value.dtype), training=training)
        y = self.blend(x, self.proj(merge_heads(ops.matmul(applied, value))))
        return (y, weights) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }


def _mix(heads, x):
    """(B, heads, N, N) with its heads mixed."""
    return ops.moveaxis(heads(ops.moveaxis(x, 1, -1)), -1, 1)
