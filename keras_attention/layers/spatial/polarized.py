"""Polarized self-attention."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import nearest

MODES = ("parallel", "sequential")


@keras.saving.register_keras_serializable("keras_attention")
class PolarizedSelfAttention(AttentionLayer):
    """y = x * a + x * b ("parallel") or x * a * b ("sequential"), a per channel, b per position.

    a = sigmoid(LN(Wz sum_n softmax_n(q x_n) V x_n)), with one logit q x_n for each position n.
    b_n = sigmoid(sum_c softmax_c(mean_n Q x'_n)_c (U x'_n)_c), where x' is x in parallel mode and
    x * a in sequential mode. V, Q and U have half as many channels as x.

    Args:
        mode: "parallel" or "sequential".
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: {"channel": (batch, channels), "spatial": (batch, height, width)}, which are a and b.
        The factor of the input is a + b in parallel mode, up to 2, and a * b in sequential mode.
    Raises: ValueError for an unknown `mode`, and where the channels are odd.
    Differs from the authors' released code, which takes the softmax of b over the positions in
    parallel mode, has no biases there nor a normalisation of a, and a deeper Wz in sequential mode.
    Reference: Liu et al., "Polarized Self-Attention: Towards High-quality Pixel-wise Regression",
        2021, arXiv:2107.00782.
    """

    score_kind = {"channel": "channel", "spatial": "spatial"}

    def __init__(self, mode: str = "parallel", **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(
                f"PolarizedSelfAttention: mode must be one of {list(MODES)}.{nearest(mode, MODES)} "
                f"Received: mode={mode!r}"
            )
        self.mode = mode

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if channels % 2:
            raise ValueError(
                f"PolarizedSelfAttention {self.name!r} needs an even number of channels. "
                f"Received: channels={channels}"
            )
        half = channels // 2
        self.channel_query = self.add_dense(channels, 1, name="channel_query")
        self.channel_value = self.add_dense(channels, half, name="channel_value")
        self.channel_out = self.add_dense(half, channels, name="channel_out")
        self.norm = self.add(
            keras.layers.LayerNormalization, (None, channels), epsilon=1e-5, name="norm"
        )
        self.space_query = self.add_dense(channels, half, name="space_query")
        self.space_value = self.add_dense(channels, half, name="space_value")

    def call(self, x, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)  # (B, N, C)
        channel = self.channel_gate(tokens)  # (B, C)
        refined = tokens * ops.expand_dims(channel, 1)
        if self.mode == "parallel":
            space = self.space_gate(tokens)  # (B, N)
            y = refined + tokens * ops.expand_dims(space, 2)
        else:
            space = self.space_gate(refined)
            y = refined * ops.expand_dims(space, 2)
        y = self.blend(x, axes.from_tokens(y, x, self.data_format))
        if not return_attention_scores:
            return y
        shape = ops.shape(x)
        space = ops.reshape(space, (shape[0], *(shape[axis] for axis in self.space)))
        scores = {"channel": channel, "spatial": space}
        return y, {key: ops.cast(score, "float32") for key, score in scores.items()}

    def channel_gate(self, tokens):
        """The factor of each channel, (B, C), of tokens (B, N, C)."""
        weights = masked_softmax(self.channel_query(tokens), axis=1)  # (B, N, 1)
        value = self.channel_value(tokens)
        z = ops.sum(ops.cast(weights, value.dtype) * value, 1)  # (B, C / 2)
        return ops.sigmoid(self.norm(self.channel_out(z)))

    def space_gate(self, tokens):
        """The factor of each position, (B, N), of tokens (B, N, C)."""
        # The mean first: it commutes with the projection, which then has one vector to project.
        query = masked_softmax(self.space_query(ops.mean(tokens, 1)))  # (B, C / 2)
        value = self.space_value(tokens)  # (B, N, C / 2)
        return ops.sigmoid(ops.einsum("bnc,bc->bn", value, ops.cast(query, value.dtype)))

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
