"""Attention over time and then over space."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least, class_token, mask_of, positive, rate, shapes
from ..multi_head.mhsa import MultiHeadSelfAttention

NAME = "DividedSpaceTimeAttention"


@keras.saving.register_keras_serializable("keras_attention")
class DividedSpaceTimeAttention(AttentionLayer):
    """x' = x + W_t MHSA_time(LN(x)), y = x' + MHSA_space(LN([class; x'])).

    MHSA_time attends to the same place in all frames, MHSA_space to all places of the same frame.
    Called on a video, or on [video, class token]: the class token skips time, a copy of it joins
    each frame in space, and what the copies find is averaged and added to it. The MLP that
    follows in a block is not part of this layer.

    Args:
        num_heads: Integer >= 1 that divides the channels.
        use_bias: Whether queries, keys and values have biases; the outputs always have one.
        zero_init_temporal: Whether W_t starts at zero, so that a model for images can be carried
            on: at the start the output is that of space alone.
        epsilon: Of the two layer normalisations LN.
        dropout: Rate for the weights of both attentions, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, time), True for frames that may be attended to; or a
        list of it and None.
    Input shape: a video (batch, time, height, width, channels), or channels first; class token
        (batch, 1, channels). Output shape: the same, a list where the input is one.
    Scores: {"temporal": (batch, S, heads, time, time), "spatial": (batch, time, heads, S', S')},
        S = height * width, S' = S, or S + 1 with the class token first; rows sum to 1.
    Raises: ValueError if an argument is out of its range, the channels do not fit the heads or
        the inputs do not fit each other.
    Differs from the authors' code in the order of tokens, which is (y, x, t) there. They start
        W_t at zero in every block.
    Reference: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?",
        ICML 2021, arXiv:2102.05095.
    """

    score_kind = {"temporal": "pairwise", "spatial": "pairwise"}
    slots = ("token",)
    ranks = (5,)

    def __init__(
        self,
        num_heads: int = 12,
        use_bias: bool = True,
        zero_init_temporal: bool = True,
        epsilon: float = 1e-6,
        dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, NAME, num_heads=num_heads)
        self.use_bias = use_bias
        self.zero_init_temporal = zero_init_temporal
        self.epsilon = positive(NAME, epsilon=epsilon)
        self.dropout = rate(NAME, dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        video, *token = shapes(input_shape, ("video", "class"), NAME)
        super().build(video)
        channels = video[self.channel]
        class_token(token, channels, NAME)
        start = "zeros" if self.zero_init_temporal else "glorot_uniform"
        self.temporal_norm = self._norm(channels, "temporal_norm")
        self.temporal = self._attention(channels, "temporal")
        self.temporal_proj = self.add_dense(
            channels, channels, kernel_initializer=start, name="temporal_proj"
        )
        self.spatial_norm = self._norm(channels, "spatial_norm")
        self.spatial = self._attention(channels, "spatial")

    def _norm(self, channels, name):
        norm = keras.layers.LayerNormalization
        return self.add(norm, (None, None, None, channels), epsilon=self.epsilon, name=name)

    def _attention(self, channels, name):
        return self.add(
            MultiHeadSelfAttention,
            (None, None, channels),
            self.num_heads,
            use_bias=self.use_bias,
            dropout=self.dropout,
            name=name,
        )

    def call(self, inputs, mask=None, training=None, return_attention_scores=False):
        x, *token = inputs if isinstance(inputs, list | tuple) else [inputs]
        token = [one[:, :1] for one in token]  # says that it is one, where sizes are unknown
        last = axes.to_last(x, self.data_format)
        batch, time, *_, channels = ops.shape(last)
        frames = ops.reshape(last, (batch, time, -1, channels))  # (B, T, S, C)
        mask = mask_of(frames, mask, NAME)
        given = {"training": training, "return_attention_scores": return_attention_scores}

        places = ops.swapaxes(frames, 1, 2)  # (B, S, T, C)
        found = None if mask is None else ops.expand_dims(mask, 1)
        y, temporal = _attend(self.temporal, self.temporal_norm(places), found, given)
        frames = frames + ops.swapaxes(self.temporal_proj(y), 1, 2)

        both, first = frames, len(token)
        if token:
            copies = ops.broadcast_to(token[0][:, None], (batch, time, 1, channels))
            both = ops.concatenate([copies, frames], axis=2)
        found = None if mask is None else ops.expand_dims(mask, 2)
        y, spatial = _attend(self.spatial, self.spatial_norm(both), found, given)
        video = ops.reshape(frames + y[:, :, first:], ops.shape(last))
        result = self.blend(x, axes.from_last(video, self.data_format))
        if token:
            average = _mean_of_frames(y[:, :, 0], mask)
            result = [result, self.blend(token[0], token[0] + average)]
        scores = {"temporal": temporal, "spatial": spatial}
        return (result, scores) if return_attention_scores else result

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "use_bias": self.use_bias,
            "zero_init_temporal": self.zero_init_temporal,
            "epsilon": self.epsilon,
            "dropout": self.dropout,
        }


def _attend(attention, x, mask, given):
    """The pair (y, scores) of `attention` among the N tokens of each group of `x` (B, G, N, C).

    `mask` broadcasts to (B, G, N). The scores are (B, G, heads, N, N), or None.
    """
    batch, groups, tokens, channels = ops.shape(x)
    if mask is not None:
        mask = ops.reshape(ops.broadcast_to(mask, (batch, groups, tokens)), (-1, tokens))
    found = attention(ops.reshape(x, (-1, tokens, channels)), mask=mask, **given)
    y, scores = found if given["return_attention_scores"] else (found, None)
    if scores is not None:
        scores = ops.reshape(scores, (batch, groups, -1, tokens, tokens))
    return ops.reshape(y, (batch, groups, tokens, channels)), scores


def _mean_of_frames(x, mask):
    """(B, 1, C) from (B, T, C): the mean over the frames that the mask leaves."""
    if mask is None:
        return ops.mean(x, axis=1, keepdims=True)
    counts = ops.cast(ops.expand_dims(mask, -1), x.dtype)
    total = ops.maximum(ops.sum(counts, axis=1, keepdims=True), 1.0)
    return ops.sum(x * counts, axis=1, keepdims=True) / total
