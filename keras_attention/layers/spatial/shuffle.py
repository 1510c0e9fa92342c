"""Shuffle attention."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least


@keras.saving.register_keras_serializable("keras_attention")
class ShuffleAttention(AttentionLayer):
    """y = shuffle [a * sigmoid(w mean a + u); b * sigmoid(v GN(b) + t)], a and b halves of a group.

    The mean goes over space, and so does the group normalisation GN, which takes each channel by
    itself. Shuffling interleaves the first and the second half of all channels: the output's
    channels are not in the order of the input's.

    Args:
        groups: Integer >= 1; the channels are split into so many groups of two halves. All groups
            share the weights.
        epsilon: Added to the variance in the normalisation.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, averaged over the channels.
    Raises: ValueError if `groups` is below 1, or the channels do not divide by 2 * groups.
    Differs from ports with groups=8; the paper and the authors' code have 64. At the start every
    factor is sigmoid(1) = 0.731 and the normalisation's weights have no gradient.
    Reference: Zhang, Yang, "SA-Net: Shuffle Attention for Deep Convolutional Neural Networks",
        ICASSP 2021, arXiv:2102.00240.
    """

    score_kind = "spatial"

    def __init__(self, groups: int = 64, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.groups = at_least(1, "ShuffleAttention", groups=groups)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if channels % (2 * self.groups):
            raise ValueError(
                f"ShuffleAttention {self.name!r} needs channels that divide by 2 * groups. "
                f"Received: groups={self.groups}, channels={channels}"
            )
        half = (channels // (2 * self.groups),)
        self.channel_scale = self.add_weight(half, initializer="zeros", name="channel_scale")
        self.channel_shift = self.add_weight(half, initializer="ones", name="channel_shift")
        self.space_scale = self.add_weight(half, initializer="zeros", name="space_scale")
        self.space_shift = self.add_weight(half, initializer="ones", name="space_shift")
        self.norm = self.add(
            keras.layers.GroupNormalization,
            (None, None, *half),
            groups=-1,  # as many as there are channels
            epsilon=self.epsilon,
            name="norm",
        )

    def call(self, x, return_attention_scores=False):
        a, b = self.split(axes.to_tokens(x, self.data_format))  # (B * G, N, c)
        z = ops.mean(a, 1, keepdims=True)
        channel_gate = ops.sigmoid(self.channel_scale * z + self.channel_shift)  # (B * G, 1, c)
        space_gate = ops.sigmoid(self.space_scale * self.norm(b) + self.space_shift)
        joined = self.join(a * channel_gate, b * space_gate)
        y = self.blend(x, axes.from_tokens(joined, x, self.data_format))
        if not return_attention_scores:
            return y
        both = ops.cast(channel_gate, "float32") + ops.cast(space_gate, "float32")
        factor = ops.mean(both, -1) / 2  # (B * G, N)
        shape = ops.shape(x)
        height, width = (shape[axis] for axis in self.space)
        return y, ops.mean(ops.reshape(factor, (-1, self.groups, height, width)), 1)

    def split(self, tokens):
        """(B, N, C) to the first and the second halves of the groups, (B * groups, N, c) each."""
        count, channels = ops.shape(tokens)[1], tokens.shape[2]
        half = channels // (2 * self.groups)
        tokens = ops.reshape(tokens, (-1, count, self.groups, 2, half))
        tokens = ops.transpose(tokens, (3, 0, 2, 1, 4))  # (2, B, G, N, c)
        halves = ops.reshape(tokens, (2, -1, count, half))
        return halves[0], halves[1]

    def join(self, a, b):
        """The two halves of the groups, (B * groups, N, c), to shuffled channels (B, N, C)."""
        count, half = ops.shape(a)[1], a.shape[2]
        y = ops.reshape(ops.stack([a, b], axis=2), (-1, self.groups, count, 2, half))
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3, 4)), (-1, count, 2, self.groups * half))
        return ops.reshape(ops.swapaxes(y, 2, 3), (-1, count, 2 * self.groups * half))

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}
