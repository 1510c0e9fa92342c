"""Deformable attention on one map."""

import math

import keras
from keras import ops

from ...ops import axes, sample
from ...ops.dot_product import masked_softmax, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least


@keras.saving.register_keras_serializable("keras_attention")
class DeformableAttention2D(AttentionLayer):
    """y_p = W_out concat_h sum_k A_hk(x_p) value_h(p + offset_hk(x_p)), values between pixels.

    Each position p looks at num_points places per head. Their offsets and weights come from x_p
    alone: A_h = softmax_k(attention_logits(x_p)). Values are bilinear between pixels and zero
    outside the map. Time is linear in the positions.

    Args:
        num_heads: Integer >= 1; divides the channels.
        num_points: Integer >= 1, places for each head.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, num_heads, N, num_points), A, with N = height * width. Rows sum to 1. They are
        weights of points, not of positions.
    Raises: ValueError if `num_heads` or `num_points` is below 1, or num_heads does not divide the
        channels.
    The weights start uniform, and the offsets as a ring, whatever the input: head h looks in the
    direction of the angle 2 pi h / num_heads, its point k at a distance of k + 1 pixels (of the
    larger of the two coordinates). Offsets are pairs (x, y), in pixels, x to the right.
    Differs from the paper: one map instead of several scales, and each position of the map is a
    query at its own place. There is no residual.
    Reference: Zhu et al., "Deformable DETR: Deformable Transformers for End-to-End Object
        Detection", ICLR 2021, arXiv:2010.04159, equation (2).
    """

    score_kind = "pairwise"
    slots = ("mixer",)

    def __init__(self, num_heads: int = 8, num_points: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "DeformableAttention2D", num_heads=num_heads)
        self.num_points = at_least(1, "DeformableAttention2D", num_points=num_points)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if channels % self.num_heads:
            raise ValueError(
                f"DeformableAttention2D {self.name!r}: num_heads must divide the {channels} "
                f"channels. Received: num_heads={self.num_heads}"
            )
        points = self.num_heads * self.num_points
        self.offsets = self.add_dense(
            channels,
            2 * points,
            kernel_initializer="zeros",
            bias_initializer=self._ring,
            name="offsets",
        )
        self.attention_logits = self.add_dense(
            channels, points, kernel_initializer="zeros", name="attention_logits"
        )
        self.value = self.add_dense(channels, channels, name="value")
        self.out = self.add_dense(channels, channels, name="out")

    def _ring(self, shape, dtype=None):
        """The offsets at the start, flat: for each head, for each point, x and y."""
        offsets = []
        for head in range(self.num_heads):
            angle = 2 * math.pi * head / self.num_heads
            x, y = math.cos(angle), math.sin(angle)
            larger = max(abs(x), abs(y))
            for distance in range(1, self.num_points + 1):
                offsets += [distance * x / larger, distance * y / larger]
        return ops.reshape(ops.convert_to_tensor(offsets, dtype), shape)

    def call(self, x, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)
        height, width = (ops.shape(x)[axis] for axis in self.space)
        value = split_heads(self.value(tokens), self.num_heads)  # (B, heads, N, d)
        maps = ops.reshape(value, (-1, height, width, value.shape[-1]))  # (B heads, H, W, d)
        samples = sample.bilinear(maps, *self._places(tokens, height, width))
        logits = split_heads(self.attention_logits(tokens), self.num_heads)
        weights = masked_softmax(logits)  # (B, heads, N, points)
        samples = ops.reshape(samples, (*ops.shape(weights), value.shape[-1]))
        y = ops.sum(ops.cast(weights, samples.dtype)[..., None] * samples, axis=-2)
        y = axes.from_tokens(self.out(merge_heads(y)), x, self.data_format)
        y = self.blend(x, y)
        return (y, weights) if return_attention_scores else y

    def _places(self, tokens, height, width):
        """The columns and the rows to look at, each (B heads, N, points)."""
        offsets = split_heads(self.offsets(tokens), self.num_heads)
        offsets = ops.reshape(offsets, (-1, height * width, self.num_points, 2))
        offsets = ops.cast(offsets, "float32")  # in half precision, pixels beyond 256 lose halves
        positions = ops.arange(height * width)[:, None]
        columns = ops.cast(positions % width, "float32") + offsets[..., 0]
        rows = ops.cast(positions // width, "float32") + offsets[..., 1]
        return columns, rows

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_points": self.num_points,
        }
