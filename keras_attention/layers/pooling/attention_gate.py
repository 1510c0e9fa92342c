"""The gate on the skip connections of Attention U-Net."""

import keras
from keras import ops

from ...ops import axes, resize
from ..base import AttentionLayer
from ..checks import at_least, optional_at_least, shapes


@keras.saving.register_keras_serializable("keras_attention")
class AttentionGate(AttentionLayer):
    """y = BN(W (alpha * x)), alpha = up(sigmoid(psi . relu(W_x x + up(W_g g + b_g)) + b_psi)).

    Called on [x, g]: the skip connection x, which is gated, and the coarser features g that tell
    where to look. W_x is a convolution of s x s pixels with stride s, so x is s times as large as
    g, or about that: what W_g makes of g is brought to the size of W_x x bilinearly.

    Args:
        hidden: Integer >= 1, the channels of W_x x; None takes half of x's, at least one.
        subsample: Integer >= 1, the stride s.
        use_output: Whether there are BN and W; without, y = alpha * x.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: x (batch, height, width, channels), g (batch, rows, columns, channels), or
        channels first. Output shape: that of x.
    Scores: (batch, height, width), alpha.
    Raises: ValueError if a number is below 1, an input is missing, or x is smaller than s x s.
    Differs from the authors' code where alpha and g are resized: samples are at the centres of
        pixels, as in today's libraries; those of 2018 aligned the corners.
    Reference: Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", MIDL 2018,
        arXiv:1804.03999, equations (1) and (2); W and BN are in the authors' code.
    """

    score_kind = "spatial"
    slots = ("pair",)

    def __init__(
        self, hidden: int | None = None, subsample: int = 2, use_output: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        self.hidden = optional_at_least(1, "AttentionGate", hidden=hidden)
        self.subsample = at_least(1, "AttentionGate", subsample=subsample)
        self.use_output = use_output

    def build(self, input_shape):
        skip, gating = shapes(input_shape, ("skip", "gating"), "AttentionGate", required=2)
        self.check_shape(gating, name="gating_shape")
        super().build(skip)
        sides = [skip[axis] for axis in self.space]
        if any(side is not None and side < self.subsample for side in sides):
            raise ValueError(
                f"AttentionGate with subsample={self.subsample} needs a map of that size at least. "
                f"Received: input_shape={skip}"
            )
        channels = skip[self.channel]
        hidden = self.hidden or max(1, channels // 2)
        self.theta = self._conv(
            channels, hidden, self.subsample, strides=self.subsample, use_bias=False, name="theta"
        )
        self.phi = self._conv(gating[self.channel], hidden, 1, name="phi")
        self.psi = self._conv(hidden, 1, 1, name="psi")
        if self.use_output:
            self.out = self._conv(channels, channels, 1, name="out")
            self.norm = self.add(
                keras.layers.BatchNormalization,
                (None, None, None, channels),
                epsilon=1e-5,
                momentum=0.9,
                gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
                name="norm",
            )

    def _conv(self, inputs, filters, kernel_size, **kwargs):
        # Channels last in any layout: with channels first, Keras on TensorFlow adds the bias to
        # the columns where there are as many of them as filters.
        kwargs = {"data_format": "channels_last", "kernel_initializer": "he_normal", **kwargs}
        shape = (None, None, None, inputs)
        return self.add(keras.layers.Conv2D, shape, filters, kernel_size, **kwargs)

    def call(self, inputs, training=None, return_attention_scores=False):
        x, g = (axes.to_last(one, self.data_format) for one in inputs)
        skip = self.theta(x)
        gating = resize.bilinear(self.phi(g), ops.shape(skip)[1:3], (1, 2))
        gate = ops.sigmoid(self.psi(ops.relu(skip + gating)))
        gate = resize.bilinear(gate, ops.shape(x)[1:3], (1, 2))
        y = x * gate
        if self.use_output:
            y = self.norm(self.out(y), training=training)
        y = axes.from_last(self.blend(x, y), self.data_format)
        return (y, ops.cast(gate[..., 0], "float32")) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "subsample": self.subsample,
            "use_output": self.use_output,
        }
