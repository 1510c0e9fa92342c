"""The spatial half of CBAM."""

import keras
from keras import ops

from ...ops import pool
from ..base import AttentionLayer
from ..checks import odd


@keras.saving.register_keras_serializable("keras_attention")
class SpatialGate(AttentionLayer):
    """y = x * sigmoid(BN(conv_k [max x; mean x])), maximum and mean over the channels.

    Args:
        kernel_size: Odd integer, side of the convolution's window in pixels.
        use_norm: Whether batch normalisation follows the convolution.
        epsilon: Added to the variance in that normalisation.
        momentum: Share of the old running statistics kept at each step, in Keras's sense.
        gamma_initializer: Initialiser of that normalisation's scale. With zeros the gate starts
            at exactly 0.5, and the kernel has no gradient in the first step.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position.
    Raises: ValueError if `kernel_size` is even.
    Differs from the paper's equation (3): batch normalisation, from the authors' code, and the
    order [max; mean], also theirs; timm stacks [mean; max], so flip that axis of its kernel. The
    authors set gamma to zero where they initialise the network, not in the class.
    Reference: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018,
        arXiv:1807.06521.
    """

    score_kind = "spatial"

    def __init__(
        self,
        kernel_size: int = 7,
        use_norm: bool = True,
        epsilon: float = 1e-5,
        momentum: float = 0.99,
        gamma_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_size = odd("SpatialGate", kernel_size=kernel_size)
        self.use_norm = use_norm
        self.epsilon = epsilon
        self.momentum = momentum
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        super().build(input_shape)
        self.conv = self.add_conv(
            2, 1, self.kernel_size, use_bias=False, kernel_initializer="he_normal", name="conv"
        )
        if self.use_norm:
            self.norm = self.add_norm(
                1,
                epsilon=self.epsilon,
                momentum=self.momentum,
                gamma_initializer=self.gamma_initializer,
                name="norm",
            )

    def call(self, x, training=None, return_attention_scores=False):
        mean, largest = pool.mean_and_max(x, self.channel, keepdims=True)
        logits = self.conv(ops.concatenate([largest, mean], axis=self.channel))
        if self.use_norm:
            logits = self.norm(logits, training=training)
        gate = ops.sigmoid(logits)  # one channel
        y = self.blend(x, x * gate)
        if not return_attention_scores:
            return y
        return y, ops.cast(ops.squeeze(gate, self.channel), "float32")

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "use_norm": self.use_norm,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }
