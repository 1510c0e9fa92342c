"""External attention."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, mask_of, positive


@keras.saving.register_keras_serializable("keras_attention")
class ExternalAttention(AttentionLayer):
    """y = A memory_value, A_ns = a_ns / (epsilon + sum_s a_ns), a = softmax_n(x memory_key).

    The keys and values are weights, the same for all inputs: a memory of S slots. The softmax runs
    over the positions n, the normalisation over the slots s. Time is linear in the positions.

    Args:
        memory_size: Integer >= 1, the number of slots S.
        epsilon: Number > 0, added to the sum over slots.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, tokens, channels) or (batch, height, width, channels), or channels first.
        Output shape: the same.
    Call arguments: `mask`, boolean (batch, N), True for the positions to use; the others take no
        part in the softmax, and their own output is 0.
    Scores: (batch, 1, N, S), A. Rows sum to 1, but for epsilon.
    Raises: ValueError if `memory_size` is below 1 or `epsilon` not above 0, and for a mask of
        another shape.
    Differs from the authors' block, which has a convolution before it, a convolution,
    normalisation, residual and ReLU after it, and starts memory_value as memory_key transposed.
    Reference: Guo et al., "Beyond Self-attention: External Attention using Two Linear Layers for
        Visual Tasks", TPAMI 2022, arXiv:2105.02358.
    """

    score_kind = "pairwise"
    slots = ("gate", "token")
    ranks = (3, 4)

    def __init__(self, memory_size: int = 64, epsilon: float = 1e-9, **kwargs):
        super().__init__(**kwargs)
        self.memory_size = at_least(1, "ExternalAttention", memory_size=memory_size)
        self.epsilon = positive("ExternalAttention", epsilon=epsilon)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.memory_key = self._add_memory((channels, self.memory_size), "memory_key")
        self.memory_value = self._add_memory((self.memory_size, channels), "memory_value")

    def _add_memory(self, shape, name):
        start = keras.initializers.RandomNormal(stddev=(2 / self.memory_size) ** 0.5)
        return self.add_weight(shape=shape, initializer=start, name=name)

    def call(self, x, mask=None, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)  # (B, N, C)
        mask = mask_of(tokens, mask, "ExternalAttention")
        if mask is not None:
            mask = mask[..., None]
        weights = masked_softmax(ops.matmul(tokens, self.memory_key), mask, axis=1)  # (B, N, S)
        weights = weights / (self.epsilon + ops.sum(weights, axis=-1, keepdims=True))
        y = ops.matmul(ops.cast(weights, tokens.dtype), self.memory_value)
        y = self.blend(x, axes.from_tokens(y, x, self.data_format))
        return (y, weights[:, None]) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "memory_size": self.memory_size, "epsilon": self.epsilon}
