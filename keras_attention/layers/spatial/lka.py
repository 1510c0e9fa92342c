"""Large kernel attention."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least, odd


@keras.saving.register_keras_serializable("keras_attention")
class LargeKernelAttention(AttentionLayer):
    """y = x * W dilated(local(x)), two depth-wise convolutions and a map W between channels.

    With the defaults, 5 x 5 and then 7 x 7 with holes of 2 pixels, each factor sees 23 x 23
    pixels. There is no sigmoid: factors have no bounds and either sign.

    Args:
        local_kernel: Odd integer, side of the first convolution's window in pixels.
        dilated_kernel: Odd integer, side of the second one's window in taps.
        dilation: Integer >= 1, the distance of its taps in pixels.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, averaged over the channels.
    Raises: ValueError if a kernel is even or `dilation` is below 1.
    Differs from the attention block of the paper's network, which has a convolution and a GELU
    before this layer, a convolution after it, and a shortcut around all. Kernels start normal
    with variance 2 / (k * k * filters per group), as in the authors' code.
    Reference: Guo et al., "Visual Attention Network", 2022, arXiv:2202.09741.
    """

    score_kind = "spatial"
    slots = ("gate", "mixer")

    def __init__(self, local_kernel: int = 5, dilated_kernel: int = 7, dilation: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.local_kernel = odd("LargeKernelAttention", local_kernel=local_kernel)
        self.dilated_kernel = odd("LargeKernelAttention", dilated_kernel=dilated_kernel)
        self.dilation = at_least(1, "LargeKernelAttention", dilation=dilation)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.local = self.add_depthwise(channels, self.local_kernel, name="local")
        self.dilated = self.add_depthwise(
            channels, self.dilated_kernel, dilation_rate=self.dilation, name="dilated"
        )
        self.point = self.add_conv(
            channels,
            channels,
            1,
            kernel_initializer=fan_out_normal(),
            data_format="channels_last",
            name="point",
        )

    def add_depthwise(self, channels, kernel_size, **kwargs):
        """A built depth-wise convolution that keeps height and width."""
        return self.add(
            keras.layers.DepthwiseConv2D,
            self.map_shape(channels, "channels_last"),
            kernel_size,
            padding="same",
            data_format="channels_last",
            depthwise_initializer=fan_out_normal(),
            **kwargs,
        )

    def call(self, x, return_attention_scores=False):
        factor = self.point(self.dilated(self.local(axes.to_last(x, self.data_format))))
        factor = axes.from_last(factor, self.data_format)
        y = self.blend(x, x * factor)
        if not return_attention_scores:
            return y
        return y, ops.mean(ops.cast(factor, "float32"), self.channel)

    def get_config(self):
        return {
            **super().get_config(),
            "local_kernel": self.local_kernel,
            "dilated_kernel": self.dilated_kernel,
            "dilation": self.dilation,
        }


def fan_out_normal():
    """Variance 2 / fan-out; Keras's default would count all channels of a depth-wise kernel."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
