"""Shifted-window attention of Swin Transformers."""

import math

import keras
from keras import ops

from ...ops import axes, norms, relative, windows
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, optional_at_least, rate, side_or_pair

VERSIONS = (1, 2)
# Of version 2.
CPB_HIDDEN = 512  # width of the perceptron that makes the position bias
LARGEST_LOGIT_SCALE = math.log(100)


@keras.saving.register_keras_serializable("keras_attention")
class WindowAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j softmax_j(e_ij) v_j over the j in the window of i.

    Version 1: e_ij = q_i . k_j / sqrt(d) + table[i - j].
    Version 2: e_ij = cos(q_i, k_j) exp(min(tau, log 100)) + 16 sigmoid(MLP(log-spaced i - j)).
    With `shift` the map is first rolled up and left by so many pixels, so that windows straddle
    the borders of those without; positions that meet across the edge of the map do not attend.

    Args:
        window_size: Integer >= 1, side of a window in pixels, or (height, width).
        shift: Integer from 0 to window_size - 1, in the papers 0 and window_size // 2 by turns;
            taken as 0 along an axis that one window covers.
        num_heads: Integer >= 1 that divides the channels.
        version: 1, Swin Transformer, or 2, Swin Transformer V2.
        use_bias: Whether queries, keys and values have biases; keys have none in version 2.
        pretrained_window: Version 2 only: integer, the side that offsets are scaled by; None is
            `window_size`.
        mask_padding: If True, the zeros that fill up the last windows are not attended to.
        dropout: Rate for the weights, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; any height and width, padded
        with zeros at the bottom and the right to multiples of `window_size`.
    Output shape: the same.
    Scores: (batch, num_heads, N, N), N = height * width, zero outside the window. Rows sum to 1
        but for the weight of padding where that is attended to. They take N * N numbers, built
        only when asked for.
    Raises: ValueError if an argument is out of its range, `pretrained_window` is given to version
        1, or `num_heads` does not divide the channels.
    Differs from public code: it adds -100 where a shifted window must not attend, which at the
        largest scale of version 2 hides nothing; here those weights are zero. As in the authors'
        code a map is padded before it is rolled; timm rolls first, so that where it pads, windows
        hold pixels of opposite edges.
    Like public code and weights, padding is attended to by default, and dims the bottom and the
        right of maps whose sides are no multiples of the window.
    Reference: Liu et al., "Swin Transformer", ICCV 2021, arXiv:2103.14030; Liu et al., "Swin
        Transformer V2", CVPR 2022, arXiv:2111.09883.
    """

    score_kind = "pairwise"
    slots = ("mixer",)

    def __init__(
        self,
        window_size: windows.Size = 7,
        shift: int = 0,
        num_heads: int = 4,
        version: int = 1,
        use_bias: bool = True,
        pretrained_window: int | None = None,
        mask_padding: bool = False,
        dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.window_size = side_or_pair("WindowAttention", window_size=window_size)
        self.shift = at_least(0, "WindowAttention", shift=shift)
        if shift >= max(windows.sides(self.window_size)):
            raise ValueError(
                f"WindowAttention: shift must be below window_size={window_size}. "
                f"Received: shift={shift}"
            )
        self.num_heads = at_least(1, "WindowAttention", num_heads=num_heads)
        if version not in VERSIONS:
            raise ValueError(
                f"WindowAttention: version must be 1 or 2. Received: version={version!r}"
            )
        self.version = version
        self.use_bias = use_bias
        self.pretrained_window = optional_at_least(
            1, "WindowAttention", pretrained_window=pretrained_window
        )
        if version == 1 and pretrained_window is not None:
            raise ValueError(
                "WindowAttention: pretrained_window needs version=2; the table of version 1 does "
                f"not depend on it. Received: pretrained_window={pretrained_window}"
            )
        self.mask_padding = mask_padding
        self.dropout = rate("WindowAttention", dropout=dropout)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        rows, columns = windows.sides(self.window_size)
        divides(channels, "channels", f"WindowAttention {self.name!r}", num_heads=self.num_heads)
        joined = self.use_bias and self.version == 1
        self.qkv = self.add_dense(channels, 3 * channels, use_bias=joined, name="qkv")
        if self.use_bias and self.version == 2:
            shape = (channels,)
            self.query_bias = self.add_weight(shape, initializer="zeros", name="query_bias")
            self.value_bias = self.add_weight(shape, initializer="zeros", name="value_bias")
        self.proj = self.add_dense(channels, channels, name="proj")
        if self.version == 1:
            self.position_bias = self.add_weight(
                shape=((2 * rows - 1) * (2 * columns - 1), self.num_heads),
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
                autocast=False,
                name="position_bias",
            )
        else:
            self.logit_scale = self.add_weight(
                shape=(self.num_heads, 1, 1),
                initializer=keras.initializers.Constant(math.log(10)),
                autocast=False,
                name="logit_scale",
            )
            self.cpb_hidden = self.add_dense(2, CPB_HIDDEN, activation="relu", name="cpb_hidden")
            self.cpb_out = self.add_dense(
                CPB_HIDDEN, self.num_heads, use_bias=False, name="cpb_out"
            )
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, training=None, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        size, (batch, height, width) = windows.sides(self.window_size), ops.shape(last)[:3]
        padded = windows.pad(last, size)
        sides = ops.shape(padded)[1:3]
        shifts = [
            windows.shift_along(side, one, self.shift)
            for side, one in zip(sides, size, strict=True)
        ]
        tokens = windows.split(windows.roll(padded, *shifts), size)  # (B windows, size size, C)

        def to_map(tokens):
            y = windows.merge(tokens, size, *sides)
            return windows.crop(windows.roll(y, *(-shift for shift in shifts)), height, width)

        mask = self._mask(height, width, sides, shifts)
        y, weights = attend(
            *self._query_key_value(tokens),
            scale=None if self.version == 1 else 1.0,
            bias=self._bias(),
            mask=None if mask is None else windows.for_batch(mask, batch),
            dropout=self.drop,
            training=training,
        )
        y = self.blend(x, axes.from_last(to_map(self.proj(merge_heads(y))), self.data_format))
        if return_attention_scores:
            weights = axes.to_tokens(to_map(merge_heads(weights)), "channels_last")
            weights = split_heads(weights, self.num_heads)  # (B, heads, N, size size)
            rows, columns = map(windows.window_slots, (height, width), size, shifts)
            return y, windows.dense(weights, rows, columns, size)
        return y

    def _query_key_value(self, tokens):
        """Each (B windows, heads, size size, d); unit vectors and their scale in version 2."""
        parts = ops.split(self.qkv(tokens), 3, axis=-1)
        if self.version == 2 and self.use_bias:
            parts[0], parts[2] = parts[0] + self.query_bias, parts[2] + self.value_bias
        query, key, value = (split_heads(part, self.num_heads) for part in parts)
        if self.version == 1:
            return query, key, value
        scale = ops.exp(ops.minimum(self.logit_scale, LARGEST_LOGIT_SCALE))
        return norms.unit(query) * scale, norms.unit(key), value

    def _bias(self):
        """(heads, size size, size size), by the offset of the query from the key."""
        size = windows.sides(self.window_size)
        if self.version == 1:
            return relative.table_bias(self.position_bias, *size)
        offsets = ops.convert_to_tensor(relative.log_offsets(size, self.pretrained_window))
        table = ops.cast(self.cpb_out(self.cpb_hidden(offsets)), "float32")
        return relative.table_bias(16 * ops.sigmoid(table), *size)

    def _mask(self, height, width, sides, shifts):
        """(windows, 1 or queries, keys), True where a key may be used; None where all may."""
        size, mask = self.window_size, None
        if self.shift:
            mask = windows.neighbours(*sides, size, shifts)
        if self.mask_padding and not windows.fits(height, width, size):
            inside = windows.roll(windows.valid(height, width, size), *shifts)
            inside = ops.swapaxes(windows.split(inside, size), 1, 2)
            mask = inside if mask is None else ops.logical_and(mask, inside)
        return mask

    def get_config(self):
        return {
            **super().get_config(),
            "window_size": self.window_size,
            "shift": self.shift,
            "num_heads": self.num_heads,
            "version": self.version,
            "use_bias": self.use_bias,
            "pretrained_window": self.pretrained_window,
            "mask_padding": self.mask_padding,
            "dropout": self.dropout,
        }
