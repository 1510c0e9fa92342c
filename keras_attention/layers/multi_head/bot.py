"""The attention of Bottleneck Transformers."""

import keras
from keras import ops

from ...ops import axes, relative, windows
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class BottleneckAttention(AttentionLayer):
    """y_i = concat_h sum_j softmax_j(s q_i . k_j + s q_i . (r_h[j - i] + r_w[j - i])) v_j.

    s = 1 / sqrt(d); r_h depends on the rows of i and j, r_w on their columns. There is no output
    projection.

    Args:
        num_heads: Integer >= 1 that divides `filters`.
        key_dim: Width d of a head's queries and keys; None is filters / num_heads.
        filters: Output channels; None keeps those of the input.
        strides: Integer >= 1; above 1 the output is averaged over blocks of strides x strides.
        scale_position: Whether s multiplies the position term, as in the paper.
        use_bias: Whether queries, keys and values have biases.
        **kwargs: `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; height and width are fixed.
    Output shape: (batch, ceil(height / strides), ceil(width / strides), filters).
    Scores: (batch, num_heads, N, N), N = height * width, before the averaging; rows sum to 1.
    Raises: ValueError if an argument is out of its range, `num_heads` does not divide `filters`,
        or height or width is unknown.
    Differs from timm, which does not scale the position term by default; its published weights
        need scale_position=False. It drops the last row and column of odd sides with strides=2,
        which here are averaged with what there is.
    Reference: Srinivas et al., "Bottleneck Transformers for Visual Recognition", CVPR 2021,
        arXiv:2101.11605.
    """

    score_kind = "pairwise"
    slots = ("mixer",)
    identity_start = None

    def __init__(
        self,
        num_heads: int = 4,
        key_dim: int | None = None,
        filters: int | None = None,
        strides: int = 1,
        scale_position: bool = True,
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "BottleneckAttention", num_heads=num_heads)
        self.key_dim = optional_at_least(1, "BottleneckAttention", key_dim=key_dim)
        self.filters = optional_at_least(1, "BottleneckAttention", filters=filters)
        self.strides = at_least(1, "BottleneckAttention", strides=strides)
        self.scale_position = scale_position
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        self.check_shape(input_shape, static=True)
        self.input_spec = keras.layers.InputSpec(shape=(None, *input_shape[1:]))
        channels = input_shape[self.channel]
        height, width = (input_shape[axis] for axis in self.space)
        filters = self.filters or channels
        owner = f"BottleneckAttention {self.name!r}"
        divides(filters, "filters", owner, num_heads=self.num_heads)
        key_dim = self.key_dim or filters // self.num_heads
        self.query_width = self.num_heads * key_dim
        self.qkv = self.add_dense(
            channels,
            2 * self.query_width + filters,
            use_bias=self.use_bias,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=channels**-0.5),
            name="qkv",
        )
        self.height_table = self._add_table(height, key_dim, "height_table")
        self.width_table = self._add_table(width, key_dim, "width_table")

    def _add_table(self, size, key_dim, name):
        initializer = keras.initializers.RandomNormal(stddev=key_dim**-0.5)
        return self.add_weight(shape=(2 * size - 1, key_dim), initializer=initializer, name=name)

    def call(self, x, return_attention_scores=False):
        height, width = (x.shape[axis] for axis in self.space)
        qkv = self.qkv(axes.to_tokens(x, self.data_format))
        ends = self.query_width, 2 * self.query_width
        parts = qkv[..., : ends[0]], qkv[..., ends[0] : ends[1]], qkv[..., ends[1] :]
        query, key, value = (split_heads(part, self.num_heads) for part in parts)
        scale = query.shape[-1] ** -0.5 if self.scale_position else 1.0
        position = relative.factorised(
            query * scale,
            self.height_table,
            self.width_table,
            relative.offset_index(height, height),
            relative.offset_index(width, width),
        )
        y, scores = attend(query, key, value, bias=position)
        y = ops.reshape(merge_heads(y), (-1, height, width, y.shape[1] * y.shape[-1]))
        y = axes.from_last(windows.mean_pool(y, self.strides), self.data_format)
        return (y, scores) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "filters": self.filters,
            "strides": self.strides,
            "scale_position": self.scale_position,
            "use_bias": self.use_bias,
        }
