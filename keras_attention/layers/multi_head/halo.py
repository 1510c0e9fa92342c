"""The blocked local attention of HaloNets."""

import keras
from keras import ops

from ...ops import axes, relative, windows
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class HaloAttention(AttentionLayer):
    """y_i = concat_h sum_j softmax_j(s q_i . k_j + s q_i . (r_h[j - i] + r_w[j - i])) v_j over the
    j in the block of i and at most `halo_size` pixels around it.

    s = 1 / sqrt(d); r_h depends on the rows of i and j, r_w on their columns. There is no output
    projection.

    Args:
        block_size: Integer >= 1, side of a block of queries in pixels.
        halo_size: Integer >= 0.
        num_heads: Integer >= 1 that divides `filters`.
        key_dim: Width d of a head's queries and keys; None is filters / num_heads.
        filters: Output channels; None keeps those of the input.
        strides: Integer >= 1 that divides `block_size`; only each `strides`-th row and column
            asks a query, as with a strided convolution.
        mask_padding: If True, positions outside the map are not attended to.
        scale_position: Whether s multiplies the position term.
        count_queries: Whether i, in r_h and r_w, counts the queries of a block rather than its
            pixels, which differ with `strides` above 1.
        use_bias: Whether queries, keys and values have biases.
        **kwargs: `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first; any height and width.
    Output shape: (batch, ceil(height / strides), ceil(width / strides), filters).
    Scores: (batch, num_heads, queries, N), N = height * width, zero where i does not see j. Rows
        sum to 1, but with mask_padding=False they lack the weight of the padding. They take
        queries * N numbers, built only when asked for.
    Raises: ValueError if an argument is out of its range, `strides` does not divide `block_size`,
        or `num_heads` does not divide `filters`.
    Differs from timm, which lets queries attend to the zeros around the map, does not scale the
        position term by default, counts queries and needs multiples of the block: its published
        weights need mask_padding=False, scale_position=False, count_queries=True.
    The first 2 * halo_size rows of the tables belong to offsets that do not occur, as in timm.
    Reference: Vaswani et al., "Scaling Local Self-Attention for Parameter Efficient Visual
        Backbones", CVPR 2021, arXiv:2103.12731.
    """

    score_kind = "pairwise"
    slots = ("mixer",)
    identity_start = None

    def __init__(
        self,
        block_size: int = 8,
        halo_size: int = 3,
        num_heads: int = 8,
        key_dim: int | None = None,
        filters: int | None = None,
        strides: int = 1,
        mask_padding: bool = True,
        scale_position: bool = True,
        count_queries: bool = False,
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.block_size = at_least(1, "HaloAttention", block_size=block_size)
        self.halo_size = at_least(0, "HaloAttention", halo_size=halo_size)
        self.num_heads = at_least(1, "HaloAttention", num_heads=num_heads)
        self.key_dim = optional_at_least(1, "HaloAttention", key_dim=key_dim)
        self.filters = optional_at_least(1, "HaloAttention", filters=filters)
        self.strides = at_least(1, "HaloAttention", strides=strides)
        divides(block_size, "pixels of block_size", "HaloAttention", strides=strides)
        self.mask_padding = mask_padding
        self.scale_position = scale_position
        self.count_queries = count_queries
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        filters = self.filters or channels
        owner = f"HaloAttention {self.name!r}"
        divides(filters, "filters", owner, num_heads=self.num_heads)
        key_dim = self.key_dim or filters // self.num_heads
        query_width = self.num_heads * key_dim
        self.query = self.add_dense(channels, query_width, use_bias=self.use_bias, name="query")
        self.key_value = self.add_dense(
            channels, query_width + filters, use_bias=self.use_bias, name="key_value"
        )
        self.span = self.block_size + 2 * self.halo_size
        self.height_table, self.width_table = (
            self.add_weight(
                shape=(2 * self.span - 1, key_dim),
                initializer=keras.initializers.RandomNormal(stddev=key_dim**-0.5),
                name=name,
            )
            for name in ("height_table", "width_table")
        )

    def call(self, x, return_attention_scores=False):
        x = axes.to_last(x, self.data_format)
        batch, height, width = ops.shape(x)[:3]
        asking = self.block_size // self.strides  # rows and columns of queries in a block
        padded = windows.pad(x, self.block_size)[:, :: self.strides, :: self.strides]
        query = split_heads(self.query(windows.split(padded, asking)), self.num_heads)

        def to_map(tokens):
            y = windows.merge(tokens, asking, *ops.shape(padded)[1:3])
            return windows.crop(y, *(-(-side // self.strides) for side in (height, width)))

        key, value = self._key_value(x)
        mask = self._mask(height, width, batch) if self.mask_padding else None
        y, weights = attend(query, key, value, bias=self._position(query), mask=mask)
        y = axes.from_last(to_map(merge_heads(y)), self.data_format)
        if return_attention_scores:
            weights = axes.to_tokens(to_map(merge_heads(weights)), "channels_last")
            weights = split_heads(weights, self.num_heads)  # (B, heads, queries, span span)
            rows, columns = (
                windows.halo_slots(side, self.block_size, self.halo_size, self.strides)
                for side in (height, width)
            )
            return y, windows.dense(weights, rows, columns, (self.span, self.span))
        return y

    def _key_value(self, x):
        """Each (B blocks, heads, span span, d), zeros outside the map, whatever the biases."""
        key_value = windows.pad(self.key_value(x), self.block_size)
        key_value = windows.split_halo(key_value, self.block_size, self.halo_size)
        width = self.num_heads * self.height_table.shape[-1]
        parts = key_value[..., :width], key_value[..., width:]
        return (split_heads(part, self.num_heads) for part in parts)

    def _position(self, query):
        """The logits q_i . (r_h + r_w) of a block, (B blocks, heads, queries, span span)."""
        step = 1 if self.count_queries else self.strides
        index = relative.offset_index(self.block_size // self.strides, self.span, step)
        scale = query.shape[-1] ** -0.5 if self.scale_position else 1.0
        tables = self.height_table, self.width_table
        return relative.factorised(query * scale, *tables, index, index)

    def _mask(self, height, width, batch):
        """(B blocks, 1, 1, span span), True for keys in the map."""
        inside = ops.cast(windows.valid(height, width, self.block_size), "int32")
        inside = windows.split_halo(inside, self.block_size, self.halo_size) > 0
        return windows.for_batch(ops.swapaxes(inside, 1, 2), batch)

    def get_config(self):
        return {
            **super().get_config(),
            "block_size": self.block_size,
            "halo_size": self.halo_size,
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "filters": self.filters,
            "strides": self.strides,
            "mask_padding": self.mask_padding,
            "scale_position": self.scale_position,
            "count_queries": self.count_queries,
            "use_bias": self.use_bias,
        }
