"""Gather-excite."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least, reduced


@keras.saving.register_keras_serializable("keras_attention")
class GatherExcite(AttentionLayer):
    """y = x * sigmoid(up(E(G(x)))): gather from an extent, excite, spread to the nearest positions.

    G without parameters is the mean over space for extent 0, else the mean of the positions in
    windows of 2 extent - 1 at every extent-th position. With parameters it is a depth-wise
    convolution of the entire map for extent 0, else log2(extent) depth-wise ones of 3 x 3 with
    stride 2; batch normalisation follows each, relu stands between. E is W2 relu(W1 z + b1) + b2
    with `use_mlp`, else nothing. The paper's forms by (extra_params, use_mlp): theta- is
    (False, False), theta (True, False), theta+ (True, True). (False, True) with extent 0 is
    squeeze-and-excitation.

    Args:
        extent: Integer >= 0, the ratio of the sides before and after gathering; 0 for one number
            from the entire map.
        extra_params: Whether G has parameters.
        use_mlp: Whether there is an E.
        reduction: Integer >= 1; the hidden layer of E has channels // reduction units.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first, with known height and width
        for extent 0 with `extra_params`. Output shape: the same.
    Scores: (batch, channels), the factor of each channel, for extent 0; else
        (batch, height, width), the factor of each position, as the mean over channels.
    Raises: ValueError if `extent` is negative or, with `extra_params`, neither 0 nor a power of two
        above 1; if `reduction` is below 1 or above the channels; for an unknown height
        or width where they are needed.
    Differs from timm, which has no relu between G with parameters and E; the authors' published
    networks have it. Where `extent` does not divide a side, the nearest position is that of
    torch's "nearest" mode: position i takes entry i * gathered // side.
    Reference: Hu et al., "Gather-Excite: Exploiting Feature Context in Convolutional Neural
        Networks", NeurIPS 2018, arXiv:1810.12348.
    """

    score_kind = "channel"  # "spatial" where `extent` is not 0

    def __init__(
        self,
        extent: int = 0,
        extra_params: bool = False,
        use_mlp: bool = True,
        reduction: int = 16,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.extent = at_least(0, "GatherExcite", extent=extent)
        if extra_params and extent and (extent == 1 or extent & (extent - 1)):
            raise ValueError(
                "GatherExcite: extent must be 0 or a power of two above 1 where "
                f"extra_params=True. Received: extent={extent}"
            )
        self.extra_params = extra_params
        self.use_mlp = use_mlp
        self.reduction = at_least(1, "GatherExcite", reduction=reduction)
        if extent:
            self.score_kind = "spatial"

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"GatherExcite {self.name!r}"
        if self.extra_params:
            self.build_gather(input_shape, channels)
        if self.use_mlp:
            hidden = reduced(channels, owner, reduction=self.reduction)
            self.squeeze = self.add_dense(channels, hidden, activation="relu", name="squeeze")
            self.excite = self.add_dense(hidden, channels, name="excite")

    def build_gather(self, input_shape, channels):
        """The convolutions of G and their normalisations, on channels-last maps."""
        kernels, strides = [(3, 3)] * (self.extent.bit_length() - 1), 2
        if not self.extent:
            self.check_shape(input_shape, static=True)
            kernels, strides = [tuple(input_shape[axis] for axis in self.space)], 1
        shape = (None, None, None, channels)
        self.gather, self.gather_norm = [], []
        for number, kernel_size in enumerate(kernels, start=1):
            conv = self.add(
                keras.layers.DepthwiseConv2D,
                shape,
                kernel_size,
                strides=strides,
                use_bias=False,
                data_format="channels_last",
                name=f"gather_{number}",
            )
            norm = self.add(
                keras.layers.BatchNormalization,
                shape,
                epsilon=1e-5,
                momentum=0.9,
                name=f"gather_norm_{number}",
            )
            self.gather.append(conv)
            self.gather_norm.append(norm)

    def call(self, x, training=None, return_attention_scores=False):
        values = axes.to_last(x, self.data_format)
        context = self.gathered(values, training)  # (B, h, w, C)
        if self.use_mlp:
            context = self.excite(self.squeeze(context))
        gate = ops.sigmoid(context)
        if self.extent:
            gate = _spread(gate, values)
        y = self.blend(x, axes.from_last(values * gate, self.data_format))
        if not return_attention_scores:
            return y
        gate = ops.cast(gate, "float32")
        return y, ops.mean(gate, axis=-1) if self.extent else gate[:, 0, 0]

    def gathered(self, x, training):
        """G(x), ready for E."""
        if not self.extra_params:
            return _window_means(x, self.extent) if self.extent else ops.mean(x, (1, 2), True)
        for number, (conv, norm) in enumerate(zip(self.gather, self.gather_norm, strict=True)):
            if number:
                x = ops.relu(x)
            if self.extent:
                x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            x = norm(conv(x), training=training)
        return ops.relu(x) if self.use_mlp else x

    def get_config(self):
        return {
            **super().get_config(),
            "extent": self.extent,
            "extra_params": self.extra_params,
            "use_mlp": self.use_mlp,
            "reduction": self.reduction,
        }


def _window_means(x, extent):
    """Means over windows of 2 extent - 1 around every extent-th position of the map, in it only."""
    border = (extent - 1, extent - 1)

    def pooled(values):
        values = ops.pad(values, ((0, 0), border, border, (0, 0)))
        return ops.average_pool(values, 2 * extent - 1, extent, data_format="channels_last")

    values = ops.cast(x, "float32")  # sums of many
    inside = pooled(ops.ones_like(values[:1, :, :, :1]))
    return ops.cast(pooled(values) / inside, x.dtype)


def _spread(small, like):
    """`small` with the sides of `like`, each position from the nearest entry."""
    for axis in (1, 2):
        size = ops.shape(like)[axis]
        small = ops.take(small, ops.arange(size) * ops.shape(small)[axis] // size, axis=axis)
    return small
