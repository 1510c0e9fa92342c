"""The pooling of hierarchical attention networks."""

import keras
from keras import ops

from ...ops import axes, weighted
from ..base import AttentionLayer
from ..checks import mask_of, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class ContextVectorAttention(AttentionLayer):
    """y = sum_n a_n x_n, a = softmax_n(u . h_n), h = tanh(W x + b) or x, over all positions.

    Args:
        units: Integer >= 1, the width of h; None takes h = x, without W and b.
        use_bias: Whether there is b.
        **kwargs: `identity_init`, with which u starts at zero and y as the mean (W then learns
            from the second step on); `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, positions), True where one may be used.
    Input shape: tokens (batch, tokens, channels) or a map (batch, height, width, channels), or
        channels first. Output shape: (batch, channels).
    Scores: (batch, 1, positions), the weights a, row-major.
    Raises: ValueError if `units` is below 1 or the mask does not fit.
    Reference: Yang et al., "Hierarchical Attention Networks for Document Classification", NAACL
        2016, equations (5) to (7).
    """

    score_kind = "pool"
    slots = ("pool",)
    ranks = (3, 4)
    identity_start = "uniform"

    def __init__(self, units: int | None = None, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.units = optional_at_least(1, "ContextVectorAttention", units=units)
        self.use_bias = use_bias
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if self.units is not None:
            self.project = self.add_dense(
                channels, self.units, activation="tanh", use_bias=self.use_bias, name="project"
            )
        self.query = self.add_weight(
            shape=(self.units or channels,),
            initializer="zeros" if self.identity_init else "glorot_uniform",
            name="query",
        )

    def call(self, x, mask=None, return_attention_scores=False):
        x = axes.to_tokens(x, self.data_format)
        mask = mask_of(x, mask, "ContextVectorAttention")
        h = x if self.units is None else self.project(x)
        logits = ops.matmul(h, self.query)  # (B, N)
        y, scores = weighted.softmax_mean(logits[:, None], x, mask=mask)
        y = ops.squeeze(y, 1)
        return (y, scores) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias}
