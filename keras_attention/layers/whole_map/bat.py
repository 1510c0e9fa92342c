"""Grouped bilinear attentional transforms."""

import keras
from keras import ops

from ...ops import axes, windows
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, divides, optional_at_least, rate, reduced


@keras.saving.register_keras_serializable("keras_attention")
class BilinearAttentionTransform(AttentionLayer):
    """y = x + f3(f2(P z Q)), z = f1(x), where P mixes the rows of z and Q its columns.

    Each f is a 1x1 convolution, batch normalisation and a ReLU. The map is cut into num_blocks x
    num_blocks equal blocks, and a position takes from those at its own place in the other blocks:
    P = sigmoid(W_p r) with rows that sum to 1, where r has the maximum of each of `groups` channels
    f0(z) in each row of blocks; Q = sigmoid(W_q c) with columns that sum to 1, likewise for the
    columns of blocks. Each group of the channels of z has a P and a Q of its own.

    Args:
        num_blocks: Integer >= 1, the number of blocks along each side; `block_size` in public code.
        groups: Integer >= 1.
        reduction: Integer >= 1; z has channels // reduction channels, rounded down to a multiple
            of `groups` that is not zero.
        hidden: Width of z in place of that.
        dropout: Rate at which whole channels of f3 are left out, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, groups, N, N), N = height * width, P_ih Q_wj for the output (i, j) and the input
        (h, w). Rows sum to 1. Built only when asked for.
    Raises: ValueError if an argument is out of its range, or `groups` does not divide `hidden`.
    Differs from the authors' code and timm's, which need multiples of their number of blocks: here
        the last blocks of other maps stick out, and what is outside has no share. timm rounds the
        width of z to a multiple of 8.
    Reference: Chi, Yuan, Mu, Wang, "Non-Local Neural Networks with Grouped Bilinear Attentional
        Transforms", CVPR 2020.
    """

    score_kind = "pairwise"

    def __init__(
        self,
        num_blocks: int = 7,
        groups: int = 2,
        reduction: int = 4,
        hidden: int | None = None,
        dropout: float = 0.2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "BilinearAttentionTransform"
        self.num_blocks = at_least(1, owner, num_blocks=num_blocks)
        self.groups = at_least(1, owner, groups=groups)
        self.reduction = at_least(1, owner, reduction=reduction)
        self.hidden = optional_at_least(1, owner, hidden=hidden)
        if hidden is not None:
            divides(hidden, "hidden channels", owner, groups=groups)
        self.dropout = rate(owner, dropout=dropout)

    def build(self, input_shape):
        super().build(input_shape)
        channels, groups = input_shape[self.channel], self.groups
        hidden = self.hidden
        if hidden is None:
            owner = f"BilinearAttentionTransform {self.name!r}"
            hidden = groups * max(1, reduced(channels, owner, reduction=self.reduction) // groups)
        self.squeeze, self.squeeze_norm = self.add_unit(channels, hidden, "squeeze")
        self.describe, self.describe_norm = self.add_unit(hidden, groups, "describe")
        strips, shares = self.num_blocks * groups, self.num_blocks**2 * groups
        self.rows = self.add_dense(strips, shares, name="rows")
        self.columns = self.add_dense(strips, shares, name="columns")
        self.mix, self.mix_norm = self.add_unit(hidden, hidden, "mix")
        self.expand, self.expand_norm = self.add_unit(hidden, channels, "expand")
        self.drop = self.add(
            keras.layers.SpatialDropout2D,
            (None, None, None, channels),
            self.dropout,
            data_format="channels_last",
            name="dropout",
        )

    def add_unit(self, inputs, units, name):
        """A convolution of one pixel, channels last, and its normalisation."""
        conv = self.add_dense(inputs, units, use_bias=False, name=name)
        shape = (None, None, None, units)
        norm = self.add(
            keras.layers.BatchNormalization,
            shape,
            momentum=0.9,
            epsilon=1e-5,
            name=f"{name}_norm",
        )
        return conv, norm

    def call(self, x, training=None, return_attention_scores=False):
        def unit(conv, norm, y):
            return ops.relu(norm(conv(y), training=training))

        last = axes.to_last(x, self.data_format)
        height, width = ops.shape(last)[1:3]
        z = unit(self.squeeze, self.squeeze_norm, last)
        maps = unit(self.describe, self.describe_norm, z)
        maps = windows.pad(maps, self.num_blocks)  # with zeros, which no maximum is below
        p = self._shares(self._gates(self.rows, ops.max(maps, 2)), height)
        q = self._gates(self.columns, ops.max(maps, 1))
        q = self._shares(ops.swapaxes(q, -1, -2), width)
        y = windows.crop(self._transform(z, p, q, height, width), height, width)
        y = unit(self.mix, self.mix_norm, y)
        y = self.drop(unit(self.expand, self.expand_norm, y), training=training)
        y = self.blend(x, x + axes.from_last(y, self.data_format))
        if not return_attention_scores:
            return y
        p, q = self._dense(p, height), self._dense(q, width)
        scores = p[:, :, :, None, :, None] * q[:, :, None, :, None, :]  # (B, groups, H, W, H, W)
        positions = height * width
        return y, ops.reshape(scores, (-1, self.groups, positions, positions))

    def _gates(self, project, maxima):
        """log(sigmoid) of what the maxima (B, L, groups) of lines say, (B, groups, blocks, blocks).

        A softmax of it is sigmoids divided by their sum, which does not underflow.
        """
        blocks = self.num_blocks
        shape = (-1, blocks, ops.shape(maxima)[1] // blocks, self.groups)
        strips = ops.max(ops.reshape(maxima, shape), 2)
        gates = project(ops.reshape(strips, (-1, blocks * self.groups)))
        gates = ops.reshape(gates, (-1, self.groups, blocks, blocks))
        return ops.log_sigmoid(ops.cast(gates, "float32"))

    def _shares(self, gates, length):
        """The shares of blocks in each block, where the map has `length` lines.

        Where the last block sticks out they are two: for the places that it has, and the others.
        """
        if windows.fits(length, length, self.num_blocks):
            return (masked_softmax(gates),)
        last, _ = self._place(length - 1, length)
        blocks = ops.arange(self.num_blocks)
        return masked_softmax(gates, blocks <= last), masked_softmax(gates, blocks < last)

    def _place(self, line, length):
        """The block of a line, and its place there."""
        places = windows.padded(length, self.num_blocks) // self.num_blocks
        return line // places, line % places

    def _of_place(self, parts, lines, length):
        """For each of the lines (B, groups, lines, L) what one of `_shares` has made, by place."""
        if len(parts) == 1:
            return parts[0]
        _, place = self._place(lines, length)
        _, last = self._place(length - 1, length)
        return ops.where((place <= last)[:, None], *parts)

    def _transform(self, z, p, q, height, width):
        """P z Q, padded to whole blocks."""
        hidden = z.shape[-1]
        each = hidden // self.groups
        z = windows.pad(z, self.num_blocks)
        rows, columns = ops.shape(z)[1:3]
        z = _swap(z, (-1, rows * columns, self.groups, each))
        z = self._along(z, p, rows, columns * each, height)
        z = _swap(z, (-1, rows, columns, each))
        z = self._along(z, q, columns, rows * each, width)
        z = _swap(z, (-1, columns, rows, each))
        z = _swap(z, (-1, self.groups, rows * columns, each))
        return ops.reshape(z, (-1, rows, columns, hidden))

    def _along(self, z, shares, padded, size, length):
        """Of `padded` lines of `size` numbers each, mixed with those at its place in each block."""
        shape = (-1, self.groups, self.num_blocks, padded // self.num_blocks * size)
        z = ops.reshape(z, shape)
        parts = (ops.matmul(ops.cast(one, z.dtype), z) for one in shares)
        parts = [ops.reshape(y, (-1, self.groups, padded, size)) for y in parts]
        return self._of_place(parts, ops.arange(padded), length)

    def _dense(self, shares, length):
        """The shares (B, groups, length, length) of lines in each line."""
        lines = ops.arange(length)
        block, place = self._place(lines, length)
        parts = [ops.take(ops.take(one, block, axis=2), block, axis=3) for one in shares]
        same = ops.cast(place[:, None] == place[None, :], "float32")
        return self._of_place(parts, lines, length) * same

    def get_config(self):
        return {
            **super().get_config(),
            "num_blocks": self.num_blocks,
            "groups": self.groups,
            "reduction": self.reduction,
            "hidden": self.hidden,
            "dropout": self.dropout,
        }


def _swap(x, shape):
    """`x` in a shape of four axes, with the middle two exchanged."""
    return ops.swapaxes(ops.reshape(x, shape), 1, 2)
