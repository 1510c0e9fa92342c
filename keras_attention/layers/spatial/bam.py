"""The bottleneck attention module."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least, one_of, reduced

COMBINE = ("sum", "product")
NORM = {"epsilon": 1e-5, "momentum": 0.9}


@keras.saving.register_keras_serializable("keras_attention")
class BAM(AttentionLayer):
    """y = x * (1 + sigmoid(BN(M_c) + BN(M_s))), or x * (1 + sigmoid(M_c * M_s)).

    M_c = W2 relu(BN(W1 mean(x) + b1)) + b2 has a number for each channel, the mean is over space.
    M_s has one for each position: a 1 x 1 convolution to the hidden width, 3 x 3 dilated ones, each
    followed by batch normalisation and relu, and a 1 x 1 convolution to one filter.

    Args:
        combine: "sum", the paper's form, or "product", that of the authors' code, which has no
            normalisation of M_c and M_s.
        reduction: Integer >= 1; the hidden width of both is channels // reduction.
        dilation: Integer >= 1, distance of the dilated convolutions' taps in pixels.
        num_dilated: Integer >= 1, how many of them there are.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, as the mean over channels: between
        1 and 2.
    Raises: ValueError if `combine` is unknown, one of the integers is below 1, or `reduction`
        is above the channels.
    Differs from the paper: the normalisations and relus inside of M_c and M_s are from the
    authors' code. Differs from that code, whose mean is over a square only. The module is made to
    stand after the stages of a network, where a map shrinks, and not in each block.
    Reference: Park et al., "BAM: Bottleneck Attention Module", BMVC 2018, arXiv:1807.06514.
    """

    score_kind = "spatial"

    def __init__(
        self,
        combine: str = "sum",
        reduction: int = 16,
        dilation: int = 4,
        num_dilated: int = 2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.combine = one_of(COMBINE, "BAM", combine=combine)
        self.reduction = at_least(1, "BAM", reduction=reduction)
        self.dilation = at_least(1, "BAM", dilation=dilation)
        self.num_dilated = at_least(1, "BAM", num_dilated=num_dilated)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"BAM {self.name!r}"
        hidden = reduced(channels, owner, reduction=self.reduction)
        self.channel_squeeze = self.add_dense(channels, hidden, name="channel_squeeze")
        self.channel_norm = self.add_vector_norm(hidden, "channel_norm")
        self.channel_excite = self.add_dense(hidden, channels, name="channel_excite")
        self.spatial_reduce = self.add_last(channels, hidden, 1, name="spatial_reduce")
        self.spatial_norm = self.add_last_norm(hidden, "spatial_norm")
        numbers = range(1, self.num_dilated + 1)
        self.dilated = [
            self.add_last(hidden, hidden, 3, dilation_rate=self.dilation, name=f"dilated_{number}")
            for number in numbers
        ]
        self.dilated_norm = [
            self.add_last_norm(hidden, f"dilated_norm_{number}") for number in numbers
        ]
        self.spatial_out = self.add_last(hidden, 1, 1, name="spatial_out")
        if self.combine == "sum":
            self.channel_out_norm = self.add_vector_norm(channels, "channel_out_norm")
            self.spatial_out_norm = self.add_last_norm(1, "spatial_out_norm")

    def add_last(self, inputs, filters, kernel_size, **kwargs):
        """A built convolution with a bias, channels last."""
        return self.add_conv(inputs, filters, kernel_size, data_format="channels_last", **kwargs)

    def add_last_norm(self, channels, name):
        """A built batch normalisation of a map, channels last."""
        shape = self.map_shape(channels, "channels_last")
        return self.add(keras.layers.BatchNormalization, shape, name=name, **NORM)

    def add_vector_norm(self, units, name):
        """A built batch normalisation of vectors."""
        return self.add(keras.layers.BatchNormalization, (None, units), name=name, **NORM)

    def call(self, x, training=None, return_attention_scores=False):
        by_channel, by_position = self.by_channel(x, training), self.by_position(x, training)
        if self.combine == "sum":
            by_channel = self.channel_out_norm(by_channel, training=training)
            by_position = self.spatial_out_norm(by_position, training=training)
        by_channel = ops.expand_dims(by_channel, self.space)
        by_position = axes.from_last(by_position, self.data_format)
        add = self.combine == "sum"
        factor = 1 + ops.sigmoid(by_channel + by_position if add else by_channel * by_position)
        y = self.blend(x, x * factor)
        if not return_attention_scores:
            return y
        return y, ops.mean(ops.cast(factor, "float32"), self.channel)

    def by_channel(self, x, training):
        """M_c, (B, C)."""
        z = self.channel_squeeze(ops.mean(x, self.space))
        return self.channel_excite(ops.relu(self.channel_norm(z, training=training)))

    def by_position(self, x, training):
        """M_s, a map with one channel, which comes last."""
        z = self.spatial_reduce(axes.to_last(x, self.data_format))
        z = ops.relu(self.spatial_norm(z, training=training))
        for conv, norm in zip(self.dilated, self.dilated_norm, strict=True):
            z = ops.relu(norm(conv(z), training=training))
        return self.spatial_out(z)

    def get_config(self):
        return {
            **super().get_config(),
            "combine": self.combine,
            "reduction": self.reduction,
            "dilation": self.dilation,
            "num_dilated": self.num_dilated,
        }
