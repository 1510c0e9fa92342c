"""Coordinate attention."""

import keras
from keras import ops

from ...ops import axes, pool
from ..base import AttentionLayer
from ..checks import at_least, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class CoordinateAttention(AttentionLayer):
    """y = x * sigmoid(Wh f_h) * sigmoid(Ww f_w), [f_h; f_w] = act(BN(W [row means; column means])).

    Args:
        reduction: Integer >= 1; the hidden layer has max(min_hidden, channels // reduction) units.
        min_hidden: The fewest units of the hidden layer.
        hidden: Width of the hidden layer; None takes it from `reduction`.
        use_bias: Whether the three dense layers have biases.
        activation: Activation of the hidden layer.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, height, width), the factor of each position, averaged over the channels.
    Raises: ValueError if `reduction`, `min_hidden` or `hidden` is below 1.
    Differs from the paper's equation (6), which shows no normalisation; its figure and the
    authors' code have it. Rows and columns are one sequence of height + width positions, so one
    normalisation sees both.
    Differs from timm's CoordAttn: biases, and hidden widths of channels // 32, both as in the
    authors' code; timm has no biases and 24 units for 512 channels where there are 16 here.
    Reference: Hou, Zhou, Feng, "Coordinate Attention for Efficient Mobile Network Design",
        CVPR 2021, arXiv:2103.02907.
    """

    score_kind = "spatial"

    def __init__(
        self,
        reduction: int = 32,
        min_hidden: int = 8,
        hidden: int | None = None,
        use_bias: bool = True,
        activation="hard_silu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "CoordinateAttention", reduction=reduction)
        self.min_hidden = at_least(1, "CoordinateAttention", min_hidden=min_hidden)
        self.hidden = optional_at_least(1, "CoordinateAttention", hidden=hidden)
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        hidden = self.hidden or max(self.min_hidden, channels // self.reduction)
        self.squeeze = self.add_dense(channels, hidden, use_bias=self.use_bias, name="squeeze")
        self.norm = self.add(
            keras.layers.BatchNormalization,
            (None, None, hidden),
            epsilon=1e-5,
            momentum=0.9,
            name="norm",
        )
        self.height = self.add_dense(hidden, channels, use_bias=self.use_bias, name="height")
        self.width = self.add_dense(hidden, channels, use_bias=self.use_bias, name="width")

    def call(self, x, training=None, return_attention_scores=False):
        strips = ops.concatenate(pool.strip_means(x, self.space), axis=self.space[0])
        if self.channel == 1:
            strips = ops.swapaxes(strips, 1, 2)  # (B, H + W, C)
        f = self.activation(self.norm(self.squeeze(strips), training=training))
        height = ops.shape(x)[self.space[0]]
        by_row = ops.sigmoid(self.height(f[:, :height]))  # (B, H, C)
        by_column = ops.sigmoid(self.width(f[:, height:]))  # (B, W, C)
        gates = ops.expand_dims(by_row, 2), ops.expand_dims(by_column, 1)
        # Each along its own axis: the whole gate would be one more map to write and to read.
        rows, columns = (axes.from_last(gate, self.data_format) for gate in gates)
        y = self.blend(x, x * rows * columns)
        if not return_attention_scores:
            return y
        return y, ops.mean(ops.cast(gates[0], "float32") * ops.cast(gates[1], "float32"), -1)

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "min_hidden": self.min_hidden,
            "hidden": self.hidden,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
        }
