"""Gated channel transformation."""

import keras
from keras import ops

from ..base import AttentionLayer
from ..checks import positive


@keras.saving.register_keras_serializable("keras_attention")
class GatedChannelTransform(AttentionLayer):
    """y = x * (1 + tanh(gamma s / sqrt(mean_c s^2 + e) + beta)), s = alpha sqrt(sum_hw x^2 + e).

    With gamma and beta at zero, as they start, it is the identity, with `identity_init` or without.

    Args:
        epsilon: The number e under both roots, above zero.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, channels), the factor of each channel, between 0 and 2.
    Raises: ValueError if `epsilon` is not above zero.
    Differs from the paper's equation (3), which adds e to the sum of the squares over channels and
    not to their mean; this is the authors' code. That also has a form with sums of |x|.
    The "Gaussian context transformer", GCT as well, is another layer.
    Reference: Yang et al., "Gated Channel Transformation for Visual Recognition", CVPR 2020,
        arXiv:1909.11519, equations (2) to (4).
    """

    score_kind = "channel"
    identity_start = "native"

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = positive("GatedChannelTransform", epsilon=epsilon)

    def build(self, input_shape):
        super().build(input_shape)
        shape = (input_shape[self.channel],)
        # Not cast to the layer's precision: they meet float32 numbers only.
        self.alpha = self.add_weight(shape, "ones", name="alpha", autocast=False)
        self.gamma = self.add_weight(shape, "zeros", name="gamma", autocast=False)
        self.beta = self.add_weight(shape, "zeros", name="beta", autocast=False)

    def call(self, x, return_attention_scores=False):
        squares = ops.square(ops.cast(x, "float32"))  # their sum overflows float16
        s = self.alpha * ops.sqrt(ops.sum(squares, self.space) + self.epsilon)  # (B, C)
        scale = ops.sqrt(ops.mean(ops.square(s), axis=1, keepdims=True) + self.epsilon)
        gate = 1 + ops.tanh(self.gamma * s / scale + self.beta)
        y = x * ops.cast(ops.expand_dims(gate, self.space), x.dtype)
        return (y, gate) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
