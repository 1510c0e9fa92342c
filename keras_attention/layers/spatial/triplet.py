"""Triplet attention."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import odd
from .spatial_gate import SpatialGate

# For each plane, the axes of a channels-last map in the order batch, rows, columns, the axis that
# is pooled. Each order is its own inverse.
PLANES = {"cw": (0, 3, 2, 1), "hc": (0, 1, 3, 2), "hw": (0, 1, 2, 3)}


@keras.saving.register_keras_serializable("keras_attention")
class TripletAttention(AttentionLayer):
    """y = mean of x * sigmoid(BN(conv_k [max x; mean x])) over the planes (C, W), (H, C), (H, W).

    The maximum and the mean go over the axis that is not in the plane. Each branch is a
    `SpatialGate` that sees its plane as an image, with the rows named first: a kernel of the plane
    (C, W) has the channels along its first axis.

    Args:
        kernel_size: Odd integer, side of the convolutions' windows, in pixels and in channels.
        use_spatial: Whether the plane (H, W) takes part; the mean is over two branches if not.
        epsilon: Added to the variance in the batch normalisations.
        momentum: Share of the old running statistics kept at each step, in Keras's sense.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, averaged over the channels.
    Raises: ValueError if `kernel_size` is even.
    Differs from copies with a ReLU between normalisation and sigmoid, whose factors are at least
    0.5; neither the paper nor the authors' code has one.
    Reference: Misra et al., "Rotate to Attend: Convolutional Triplet Attention Module", WACV 2021,
        arXiv:2010.03045.
    """

    score_kind = "spatial"

    def __init__(
        self,
        kernel_size: int = 7,
        use_spatial: bool = True,
        epsilon: float = 1e-5,
        momentum: float = 0.99,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_size = odd("TripletAttention", kernel_size=kernel_size)
        self.use_spatial = use_spatial
        self.epsilon = epsilon
        self.momentum = momentum

    def build(self, input_shape):
        super().build(input_shape)
        self.cw = self.add_gate("cw")
        self.hc = self.add_gate("hc")
        if self.use_spatial:
            self.hw = self.add_gate("hw")

    def add_gate(self, name):
        """The gate of one plane, without regard to the length of the axis that it pools."""
        return self.add(
            SpatialGate,
            (None, None, None, 1),
            self.kernel_size,
            epsilon=self.epsilon,
            momentum=self.momentum,
            gamma_initializer="ones",
            data_format="channels_last",
            name=name,
        )

    def call(self, x, training=None, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)  # (B, H, W, C)
        gates = [self.cw, self.hc, self.hw] if self.use_spatial else [self.cw, self.hc]
        y, scores = 0, 0
        for gate in gates:
            order = PLANES[gate.name]
            branch, factor = gate(
                ops.transpose(last, order), training=training, return_attention_scores=True
            )
            y = y + ops.transpose(branch, order)
            factor = ops.transpose(ops.expand_dims(factor, 3), order)  # one of H, W, C is 1
            scores = scores + ops.mean(factor, 3)
        y = self.blend(x, axes.from_last(y / len(gates), self.data_format))
        return (y, scores / len(gates)) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "use_spatial": self.use_spatial,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
        }
