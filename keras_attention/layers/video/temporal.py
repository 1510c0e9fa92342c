"""Attention over the frames of a video."""

import keras
from keras import ops

from ...ops import axes, weighted
from ..base import AttentionLayer
from ..checks import at_least, mask_of, shapes


@keras.saving.register_keras_serializable("keras_attention")
class TemporalAttention(AttentionLayer):
    """y = sum_t a_t x_t, a = softmax_t(w . tanh(U f_t + V q + b)), f_t = x_t or its spatial mean.

    Called on frames x, or on [x, q] with a query q such as the state of a decoder; without it
    there is no V.

    Args:
        units: Integer >= 1, the width of the hidden layer.
        **kwargs: `identity_init`, with which w starts at zero and y as the mean of the frames;
            `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, time), True where a frame may be used; or a list of
        masks, one for each input or None.
    Input shape: features (batch, time, channels) or a video (batch, time, height, width,
        channels), or channels first; query (batch, width).
    Output shape: (batch, channels), or a map (batch, height, width, channels) for a video.
    Scores: (batch, time), the weights a.
    Raises: ValueError if `units` is below 1, there are more inputs, or the mask does not fit.
    Reference: Yao et al., "Describing Videos by Exploiting Temporal Structure", ICCV 2015,
        arXiv:1502.08029.
    """

    score_kind = "temporal"
    slots = ("pool",)
    ranks = (3, 5)
    identity_start = "uniform"

    def __init__(self, units: int = 128, **kwargs):
        super().__init__(**kwargs)
        self.units = at_least(1, "TemporalAttention", units=units)
        self.supports_masking = True

    def build(self, input_shape):
        frames, *query = shapes(input_shape, ("frames", "query"), "TemporalAttention")
        super().build(frames)
        self.frames = self.add_dense(frames[self.channel], self.units, name="frames")
        if query:
            self.check_shape(query[0], ranks=(2,), name="query_shape")
            self.query = self.add_dense(query[0][-1], self.units, use_bias=False, name="query")
        start = "zeros" if self.identity_init else "glorot_uniform"
        self.score = self.add_dense(
            self.units, 1, use_bias=False, kernel_initializer=start, name="score"
        )

    def call(self, inputs, mask=None, return_attention_scores=False):
        x, *query = inputs if isinstance(inputs, list | tuple) else [inputs]
        x = axes.to_last(x, self.data_format)  # (B, T, C) or (B, T, H, W, C)
        mask = mask_of(x, mask, "TemporalAttention")
        hidden = self.frames(x if len(x.shape) == 3 else ops.mean(x, (2, 3)))  # (B, T, units)
        if query:
            hidden = hidden + ops.expand_dims(self.query(query[0]), 1)
        logits = ops.swapaxes(self.score(ops.tanh(hidden)), 1, 2)  # (B, 1, T)
        batch, time, *rest = ops.shape(x)
        y, scores = weighted.softmax_mean(logits, ops.reshape(x, (batch, time, -1)), mask=mask)
        y = axes.from_last(ops.reshape(y, (batch, *rest)), self.data_format)
        return (y, ops.squeeze(scores, 1)) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}
