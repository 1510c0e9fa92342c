"""The pooling of attention-based multiple-instance learning."""

import keras
from keras import ops

from ...ops import axes, weighted
from ..base import AttentionLayer
from ..checks import at_least, mask_of


@keras.saving.register_keras_serializable("keras_attention")
class GatedAttentionPool(AttentionLayer):
    """y = sum_n a_n x_n, a = softmax_n(w . (tanh(V x_n) * sigmoid(U x_n))), over all positions.

    Args:
        units: Integer >= 1, the rows of V and U.
        gated: Whether there is the factor with U.
        **kwargs: `identity_init`, with which w starts at zero and y as the mean; `data_format`,
            `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, positions), True where one may be used: bags of
        different sizes are filled up to one and masked.
    Input shape: a bag (batch, instances, channels) or a map (batch, height, width, channels), or
        channels first. Output shape: (batch, channels).
    Scores: (batch, 1, positions), the weights a, row-major.
    Raises: ValueError if `units` is below 1 or the mask does not fit.
    Differs from the paper: w, V and U have biases, as in the authors' code; that of w changes
        nothing, since the softmax leaves it out.
    Reference: Ilse, Tomczak, Welling, "Attention-based Deep Multiple Instance Learning", ICML
        2018, arXiv:1802.04712, equations (8) and (9).
    """

    score_kind = "pool"
    slots = ("pool",)
    ranks = (3, 4)
    identity_start = "uniform"

    def __init__(self, units: int = 128, gated: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.units = at_least(1, "GatedAttentionPool", units=units)
        self.gated = gated
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.value = self.add_dense(channels, self.units, activation="tanh", name="value")
        if self.gated:
            self.gate = self.add_dense(channels, self.units, activation="sigmoid", name="gate")
        start = "zeros" if self.identity_init else "glorot_uniform"
        self.score = self.add_dense(self.units, 1, kernel_initializer=start, name="score")

    def call(self, x, mask=None, return_attention_scores=False):
        x = axes.to_tokens(x, self.data_format)
        mask = mask_of(x, mask, "GatedAttentionPool")
        hidden = self.value(x) * self.gate(x) if self.gated else self.value(x)
        logits = ops.swapaxes(self.score(hidden), 1, 2)  # (B, 1, N)
        y, scores = weighted.softmax_mean(logits, x, mask=mask)
        y = ops.squeeze(y, 1)
        return (y, scores) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units, "gated": self.gated}
