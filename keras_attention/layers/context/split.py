"""Split attention."""

import keras
from keras import ops

from ...ops import strides as stride_ops
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, odd, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class SplitAttention(AttentionLayer):
    """y = sum_r a_r * U_r, U = relu(BN(conv_k x)) in parts r, a = softmax_r(F2 relu(BN(F1 s))).

    s is the mean over space of the sum of all U_r. The parts are groups of one convolution, and
    with one part a is a sigmoid.

    Args:
        filters: Channels of the output; None takes those of the input.
        strides: Integer >= 1, the step of the convolution in pixels, from the first pixel.
        kernel_size: Odd integer, side of its window in pixels.
        radix: Integer >= 1, the number of parts.
        groups: Integer >= 1 ("cardinality" in the paper), of F1, F2 and each part.
        reduction: Integer >= 1; F1 has max(min_hidden, channels * radix // reduction) outputs.
        min_hidden: The fewest outputs of F1.
        **kwargs: `data_format`, `dtype`, `name`. There is no start as the identity.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: (batch, ceil(height / strides), ceil(width / strides), filters), or likewise.
    Scores: (batch, radix, filters), the share of each part in each channel; the parts sum to 1
        where there is more than one.
    Raises: ValueError if an argument is below 1, `kernel_size` is even, channels do not divide by
        groups * radix, or filters or the hidden width by groups.
    Differs from timm's SplitAttn, which has no normalisation unless given one and rounds the
    hidden width to a multiple of 8. The parts are in order of r in the convolution's output, and
    in order of the groups, then r, in that of F2, as in the authors' weights.
    Reference: Zhang et al., "ResNeSt: Split-Attention Networks", 2020, arXiv:2004.08955.
    """

    score_kind = "channel"
    slots = ("mixer",)
    identity_start = None

    def __init__(
        self,
        filters: int | None = None,
        strides: int = 1,
        kernel_size: int = 3,
        radix: int = 2,
        groups: int = 1,
        reduction: int = 4,
        min_hidden: int = 32,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = optional_at_least(1, "SplitAttention", filters=filters)
        self.strides = at_least(1, "SplitAttention", strides=strides)
        self.kernel_size = odd("SplitAttention", kernel_size=kernel_size)
        self.radix = at_least(1, "SplitAttention", radix=radix)
        self.groups = at_least(1, "SplitAttention", groups=groups)
        self.reduction = at_least(1, "SplitAttention", reduction=reduction)
        self.min_hidden = at_least(1, "SplitAttention", min_hidden=min_hidden)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        filters = self.filters or channels
        hidden = max(self.min_hidden, channels * self.radix // self.reduction)
        if channels % (self.groups * self.radix) or filters % self.groups or hidden % self.groups:
            raise ValueError(
                f"SplitAttention {self.name!r} needs channels that divide by groups * radix, and "
                "filters and a hidden width that divide by groups. Received: "
                f"channels={channels}, filters={filters}, hidden={hidden}, groups={self.groups}, "
                f"radix={self.radix}"
            )
        norm = {"epsilon": 1e-5, "momentum": 0.9}
        self.conv = self.add_conv(
            channels,
            filters * self.radix,
            self.kernel_size,
            strides=self.strides,
            padding="valid",
            groups=self.groups * self.radix,
            use_bias=False,
            name="conv",
        )
        self.norm = self.add_norm(filters * self.radix, name="norm", **norm)
        self.squeeze = self.add_grouped(filters, hidden, name="squeeze")
        self.squeeze_norm = self.add(
            keras.layers.BatchNormalization, (None, 1, 1, hidden), name="squeeze_norm", **norm
        )
        self.attend = self.add_grouped(hidden, filters * self.radix, name="attend")

    def add_grouped(self, inputs, units, name):
        """A dense layer in groups: a convolution of one pixel, channels last."""
        return self.add(
            keras.layers.Conv2D,
            (None, 1, 1, inputs),
            units,
            1,
            groups=self.groups,
            data_format="channels_last",
            name=name,
        )

    def call(self, x, training=None, return_attention_scores=False):
        x = stride_ops.pad_space(x, self.kernel_size // 2, self.data_format)
        parts = ops.relu(self.norm(self.conv(x), training=training))
        parts = ops.split(parts, self.radix, self.channel)
        s = ops.mean(sum(parts), self.space)  # (B, C)
        hidden = self.squeeze(ops.expand_dims(s, (1, 2)))  # (B, 1, 1, hidden)
        hidden = ops.relu(self.squeeze_norm(hidden, training=training))
        a = self.shares(self.attend(hidden), s.shape[-1])  # (B, radix, C)
        factors = ops.expand_dims(ops.cast(a, s.dtype), [axis + 1 for axis in self.space])
        y = sum(factors[:, index] * part for index, part in enumerate(parts))
        return (y, a) if return_attention_scores else y

    def shares(self, logits, channels):
        """The factors of the parts, (B, radix, C), in float32."""
        logits = ops.reshape(logits, (-1, self.groups, self.radix, channels // self.groups))
        logits = ops.reshape(ops.swapaxes(logits, 1, 2), (-1, self.radix, channels))
        if self.radix == 1:
            return ops.sigmoid(ops.cast(logits, "float32"))
        return masked_softmax(logits, axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "kernel_size": self.kernel_size,
            "radix": self.radix,
            "groups": self.groups,
            "reduction": self.reduction,
            "min_hidden": self.min_hidden,
        }
