"""Structured attention: a chain of switches that choose positions together."""

import keras
from keras import ops

from ...ops import axes, crf
from ..base import AttentionLayer
from ..checks import mask_of, one_of, positive, shapes

ORDERS = ("raster", "rows", "columns", "axial")
OUTPUTS = ("pool", "gate")
NAMES = ("x", "query")


@keras.saving.register_keras_serializable("keras_attention")
class StructuredAttention(AttentionLayer):
    """y = sum_i p(z_i = 1) x_i, z a chain of switches with p ~ exp(sum_i u_i z_i + T(z_i, z_i+1)).

    The potential of an open switch is u_i = w . x_i + b, with a query u_i = (w + W q) . x_i + b.
    T is 2 x 2; at zero, where it starts, the switches are independent and p is sigmoid(u).

    Args:
        order: Which positions of a map are neighbours in a chain. "raster": all of it, row by row,
            as one; "rows" or "columns": a chain for each; "axial": the mean of those two. Tokens
            are one row.
        use_query: Whether the layer takes [x, query]. A query that is given without this is not
            looked at.
        normalize: Whether p is divided by its sum over the positions.
        scale: Factor of p.
        output: "pool", the sum above; "gate", x_i * p(z_i = 1).
        **kwargs: `identity_init` (with "gate"), `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True for the positions to use, row by row for a map;
        the chains join those that are left.
    Input shape: (batch, tokens, channels) or a map; query (batch, units). Sizes must be known.
    Output shape: "pool": (batch, channels); "gate": that of x.
    Scores: (batch, 1, N), the weights applied. They sum to `scale` where `normalize` is True, else
        to the expected number of open switches, so that y grows with N.
    Raises: ValueError for an unknown `order` or `output`, `scale` not above 0, unknown sizes, a
        missing query, or a mask that does not fit.
    Differs from the authors' code: theirs has no w and b beside the query, and potentials of the
        ends that are means of the rows and columns of T. Its translation model is
        `normalize=True, scale=2`, with an L2 penalty of 0.005 on T.
    Reference: Kim et al., "Structured Attention Networks", ICLR 2017, arXiv:1702.00887.
    """

    score_kind = "pool"
    slots = ("gate", "pool")
    ranks = (3, 4)

    def __init__(
        self,
        order: str = "raster",
        use_query: bool = False,
        normalize: bool = False,
        scale: float = 1.0,
        output: str = "pool",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.order = one_of(ORDERS, "StructuredAttention", order=order)
        self.use_query = use_query
        self.normalize = normalize
        self.scale = positive("StructuredAttention", scale=scale)
        self.output_kind = one_of(OUTPUTS, "StructuredAttention", output=output)
        self.identity_start = "blend" if output == "gate" else None
        self.check_identity()
        self.supports_masking = True

    def build(self, input_shape):
        required = 2 if self.use_query else 1
        shape, *query = shapes(input_shape, NAMES, "StructuredAttention", required)
        super().build(shape)
        self.check_shape(shape, static=True)
        channels = shape[self.channel]
        self.score = self.add_dense(channels, 1, name="score")
        if self.use_query:
            self.check_query(query[0])
            self.query = self.add_dense(query[0][-1], channels, use_bias=False, name="query")
        self.transitions = self.add_weight(
            shape=(2, 2), initializer="zeros", name="transitions", autocast=False
        )

    def check_query(self, shape):
        """Refuse a query that is not one vector of known width for each of the batch."""
        if len(shape) != 2 or shape[-1] is None:
            raise ValueError(
                f"StructuredAttention {self.name!r} needs a query (batch, units) with a known "
                f"number of units. Received: query_shape={shape}"
            )

    def call(self, x, mask=None, return_attention_scores=False):
        x, *query = x if isinstance(x, list | tuple) else [x]
        tokens = axes.to_tokens(x, self.data_format)
        mask = mask_of(tokens, mask, "StructuredAttention")
        open_switch = self.score(tokens)  # (B, N, 1)
        if self.use_query:
            open_switch = open_switch + ops.matmul(tokens, self.query(query[0])[..., None])
        p = self._marginals(ops.cast(open_switch, "float32"), mask, x)
        if self.normalize:
            total = ops.sum(p, axis=1, keepdims=True)
            p = p / ops.maximum(total, keras.config.epsilon())  # 0 where all is masked
        scores = self.scale * p[:, None]  # (B, 1, N)
        weights = ops.cast(scores, tokens.dtype)
        if self.output_kind == "pool":
            y = ops.matmul(weights, tokens)[:, 0]
        else:
            y = ops.swapaxes(weights, 1, 2) * tokens
            y = self.blend(x, axes.from_tokens(y, x, self.data_format))
        return (y, scores) if return_attention_scores else y

    def _marginals(self, potentials, mask, x):
        """p(z_i = 1) (B, N), with chains along the order; 0 where masked."""
        space = [x.shape[axis] for axis in self.space]
        height, width = space if len(space) == 2 else (1, *space)
        p = {
            "raster": lambda: self._by_row(potentials, mask, 1, height * width),
            "rows": lambda: self._by_row(potentials, mask, height, width),
            "columns": lambda: self._by_column(potentials, mask, height, width),
            "axial": lambda: (
                (
                    self._by_row(potentials, mask, height, width)
                    + self._by_column(potentials, mask, height, width)
                )
                / 2
            ),
        }[self.order]()
        return p if mask is None else ops.where(mask, p, 0.0)

    def _by_row(self, potentials, mask, height, width):
        """p(z_i = 1) (B, height * width), with a chain in each row."""
        u = ops.reshape(potentials, (-1, width))
        mask = None if mask is None else ops.reshape(mask, (-1, width))
        unary = ops.stack([ops.zeros_like(u), u], axis=-1)
        p = crf.marginals(crf.edges_of(unary, self.transitions, mask=mask))[..., 1]
        return ops.reshape(p, (-1, height * width))

    def _by_column(self, potentials, mask, height, width):
        """The same with a chain in each column."""
        potentials = _transpose(potentials, height, width)
        mask = None if mask is None else _transpose(mask, height, width)
        return _transpose(self._by_row(potentials, mask, width, height), width, height)

    def compute_mask(self, inputs, mask=None):
        if self.output_kind == "pool":
            return None
        return mask[0] if isinstance(mask, list | tuple) else mask

    def get_config(self):
        return {
            **super().get_config(),
            "order": self.order,
            "use_query": self.use_query,
            "normalize": self.normalize,
            "scale": self.scale,
            "output": self.output_kind,
        }


def _transpose(x, height, width):
    """Values of positions (B, N), row by row, in the order column by column."""
    x = ops.swapaxes(ops.reshape(x, (-1, height, width)), 1, 2)
    return ops.reshape(x, (-1, height * width))
