"""The lambda layer."""

import keras
from keras import ops

from ...ops import axes, windows
from ...ops.dot_product import masked_softmax, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, odd, optional_at_least

EPSILON, MOMENTUM = 1e-5, 0.9  # of the batch normalisations; Keras has 1e-3 and 0.99


@keras.saving.register_keras_serializable("keras_attention")
class LambdaLayer(AttentionLayer):
    """y_n = concat_h (content + position_n)^T q_nh, with content = sum_m softmax_m(k_m) v_m^T and
    position_n = sum_m E[m - n] v_m^T.

    E[m - n] is a vector of key_dim numbers for each offset in a square around n, so position_n is
    a convolution. Queries have `num_heads` heads, which share keys and values; queries and values
    are batch normalised. Instead of N * N weights there is a key_dim x value matrix per position.

    Args:
        num_heads: Integer >= 1 that divides `filters`; a value has filters / num_heads channels.
        key_dim: Integer >= 1, width of keys and of one head's queries.
        kernel_size: Odd integer, side of the square; None makes it cover the map from anywhere.
        filters: Output channels; None keeps those of the input.
        strides: Integer >= 1; above 1 the output is averaged over blocks of strides x strides.
        use_bias: Whether queries, keys and values have biases.
        position_bias: Whether the convolution has a bias, that is, each q_n . bias is added to y_n.
        **kwargs: `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; height and width are fixed
        if `kernel_size` is None.
    Output shape: (batch, ceil(height / strides), ceil(width / strides), filters).
    Scores: (batch, num_heads, N, N), N = height * width: the weight q_nh . (softmax_m(k_m) +
        E[m - n]) of v_m in y_n, before the averaging. Weights may be negative and rows need not
        sum to 1. They take N * N numbers, built only when asked for.
    Raises: ValueError if an argument is out of its range, `num_heads` does not divide `filters`,
        or `kernel_size` is None and height or width is unknown.
    Differs from timm, whose kernel has 9 pixels by default, and a bias. Differs from the paper,
        which can sum over several keys and values ("intra-depth"); here, as in timm, it has one.
    Reference: Bello, "LambdaNetworks: Modeling Long-Range Interactions Without Attention",
        ICLR 2021, arXiv:2102.08602.
    """

    score_kind = "pairwise"
    slots = ("mixer",)
    identity_start = None

    def __init__(
        self,
        num_heads: int = 4,
        key_dim: int = 16,
        kernel_size: int | None = 23,
        filters: int | None = None,
        strides: int = 1,
        use_bias: bool = False,
        position_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "LambdaLayer", num_heads=num_heads)
        self.key_dim = at_least(1, "LambdaLayer", key_dim=key_dim)
        if kernel_size is not None:
            odd("LambdaLayer", kernel_size=kernel_size)
        self.kernel_size = kernel_size
        self.filters = optional_at_least(1, "LambdaLayer", filters=filters)
        self.strides = at_least(1, "LambdaLayer", strides=strides)
        self.use_bias = use_bias
        self.position_bias = position_bias

    def build(self, input_shape):
        super().build(input_shape)
        kernel = (self.kernel_size, self.kernel_size)
        if self.kernel_size is None:
            self.check_shape(input_shape, static=True)
            self.input_spec = keras.layers.InputSpec(shape=(None, *input_shape[1:]))
            kernel = tuple(2 * input_shape[axis] - 1 for axis in self.space)
        channels = input_shape[self.channel]
        filters = self.filters or channels
        divides(filters, "filters", f"LambdaLayer {self.name!r}", num_heads=self.num_heads)
        query_width, value_width = self.num_heads * self.key_dim, filters // self.num_heads
        self.qkv = self.add_dense(
            channels,
            query_width + self.key_dim + value_width,
            use_bias=self.use_bias,
            name="qkv",
        )
        norm, settings = keras.layers.BatchNormalization, {"epsilon": EPSILON, "momentum": MOMENTUM}
        self.query_norm = self.add(norm, (None, None, query_width), name="query_norm", **settings)
        self.value_norm = self.add(norm, (None, None, value_width), name="value_norm", **settings)
        self.position = self.add(
            keras.layers.Conv2D,
            (None, None, None, 1),
            self.key_dim,
            kernel,
            padding="same",
            data_format="channels_last",
            use_bias=self.position_bias,
            name="position",
        )

    def call(self, x, training=None, return_attention_scores=False):
        x = axes.to_last(x, self.data_format)
        height, width = ops.shape(x)[1:3]
        tokens = axes.to_tokens(x, "channels_last")
        qkv = self.qkv(tokens)
        ends = self.num_heads * self.key_dim, (self.num_heads + 1) * self.key_dim
        query, key, value = qkv[..., : ends[0]], qkv[..., ends[0] : ends[1]], qkv[..., ends[1] :]
        query = split_heads(self.query_norm(query, training=training), self.num_heads)
        value = self.value_norm(value, training=training)  # (B, N, v)
        keys = masked_softmax(key, axis=1)  # (B, N, k)
        content = ops.matmul(ops.swapaxes(ops.cast(keys, value.dtype), 1, 2), value)  # (B, k, v)
        position = self._convolve(value, height, width)  # (B, v, N, k)
        y = ops.matmul(query, content[:, None])  # (B, heads, N, v)
        y = y + ops.einsum("bhnk,bvnk->bhnv", query, position)
        y = ops.reshape(merge_heads(y), (-1, height, width, self.num_heads * value.shape[-1]))
        y = axes.from_last(windows.mean_pool(y, self.strides), self.data_format)
        return (y, self._scores(query, keys, height, width)) if return_attention_scores else y

    def _convolve(self, value, height, width):
        """The position lambdas (B, v, N, k): each channel of `value` (B, N, v) is a map."""
        channels = value.shape[-1]
        maps = ops.reshape(ops.swapaxes(value, 1, 2), (-1, height, width, 1))
        return ops.reshape(self.position(maps), (-1, channels, height * width, self.key_dim))

    def _scores(self, query, keys, height, width):
        """q . (softmax(k) + E), the weights (B, heads, N, N) of the values."""
        query = ops.cast(query, "float32")
        table = ops.cast(self.position.kernel, "float32")  # (rows, columns, 1, k)
        sizes = tuple(table.shape[:2])
        local = ops.matmul(query, ops.transpose(ops.reshape(table, (-1, self.key_dim))))
        rows, columns = (
            windows.halo_slots(side, 1, size // 2)
            for side, size in zip((height, width), sizes, strict=True)
        )
        content = ops.matmul(query, ops.swapaxes(keys, 1, 2)[:, None])
        return content + windows.dense(local, rows, columns, sizes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "kernel_size": self.kernel_size,
            "filters": self.filters,
            "strides": self.strides,
            "use_bias": self.use_bias,
            "position_bias": self.position_bias,
        }
