"""Double attention, A2-Nets."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class DoubleAttention(AttentionLayer):
    """y = x + W_out (feature(x) softmax_n(gather(x))^T softmax_m(distribute(x))).

    Each of m maps gathers one vector from all n positions; each position takes a mixture of them.

    Args:
        hidden: Width of the gathered vectors; None is max(1, channels // 4).
        num_maps: Number of maps m; None is max(1, channels // 4).
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, N, N) with N = height * width, the share of each position in each output:
        sum_m softmax_m(distribute)_im softmax_j(gather)_mj. Rows sum to 1. Built only when asked
        for; the output takes time linear in N.
    Raises: ValueError if `hidden` or `num_maps` is below 1.
    With `identity_init` W_out is zero.
    Reference: Chen et al., "A^2-Nets: Double Attention Networks", NeurIPS 2018, arXiv:1810.11579.
    """

    score_kind = "pairwise"
    identity_start = "native"

    def __init__(self, hidden: int | None = None, num_maps: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.hidden = optional_at_least(1, "DoubleAttention", hidden=hidden)
        self.num_maps = optional_at_least(1, "DoubleAttention", num_maps=num_maps)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        hidden = self.hidden or max(1, channels // 4)
        num_maps = self.num_maps or max(1, channels // 4)
        start = "zeros" if self.identity_init else "glorot_uniform"
        self.feature = self.add_dense(channels, hidden, name="feature")
        self.gather = self.add_dense(channels, num_maps, name="gather")
        self.distribute = self.add_dense(channels, num_maps, name="distribute")
        self.out = self.add_dense(hidden, channels, kernel_initializer=start, name="out")

    def call(self, x, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)  # (B, N, C)
        gather = masked_softmax(self.gather(tokens), axis=1)
        gather = ops.swapaxes(gather, 1, 2)  # (B, m, N)
        distribute = masked_softmax(self.distribute(tokens))  # (B, N, m)
        gathered = ops.matmul(
            ops.cast(gather, tokens.dtype), self.feature(tokens)
        )  # (B, m, hidden)
        y = self.out(ops.matmul(ops.cast(distribute, tokens.dtype), gathered))
        y = x + axes.from_tokens(y, x, self.data_format)
        if return_attention_scores:
            return y, ops.matmul(distribute, gather)[:, None]
        return y

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "num_maps": self.num_maps}
