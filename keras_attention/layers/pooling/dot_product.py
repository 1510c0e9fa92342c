"""Attention with a product as the score."""

import keras
from keras import ops

from ...ops import dot_product
from ..base import AttentionLayer
from ..checks import mask_of, one_of, rate, shapes

NAMES = ("query", "value", "key")
MODES = ("scaled", "dot", "general")


@keras.saving.register_keras_serializable("keras_attention")
class DotProductAttention(AttentionLayer):
    """y = sum_i a_i v_i, a = softmax_i(s(q, k_i)), s = q.k / sqrt(d), q.k or q W k.

    Called on [query, value] or [query, value, key]; without keys the values are the keys.

    Args:
        mode: "scaled" divides by the root of the width d, "dot" does not, "general" has a matrix W
            between the two, which may have different widths.
        dropout: Share of the weights a that is dropped in training.
        **kwargs: `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, tokens) of the values, True where one may be used; or a
        list of masks, one for each input or None, of which that of the queries changes nothing
        here and is handed on.
    Input shape: query (batch, channels) or (batch, queries, channels), value (batch, tokens,
        channels), key (batch, tokens, channels).
    Output shape: (batch, channels) or (batch, queries, channels), with the value's channels.
    Scores: (batch, 1, queries, tokens), the weights a.
    Raises: ValueError if `mode` is unknown, `dropout` is not in [0, 1), an input is missing, or
        queries and keys have different widths in a mode without W.
    Differs from `keras.layers.Attention`, whose scale, if any, is learned.
    Reference: Luong, Pham, Manning, "Effective Approaches to Attention-based Neural Machine
        Translation", EMNLP 2015, arXiv:1508.04025, equation (8).
    """

    score_kind = "pairwise"
    slots = ("pair",)
    ranks = (3,)
    identity_start = None

    def __init__(self, mode: str = "scaled", dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.mode = one_of(MODES, "DotProductAttention", mode=mode)
        self.dropout = rate("DotProductAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        query, value, *key = shapes(input_shape, NAMES, "DotProductAttention", required=2)
        key = key[0] if key else value
        self.check_shape(query, ranks=(2, 3), name="query_shape")
        self.check_shape(value, name="value_shape")
        self.check_shape(key, name="key_shape")
        if self.mode == "general":
            self.kernel = self.add_weight(shape=(query[-1], key[-1]), name="kernel")
        elif query[-1] != key[-1]:
            raise ValueError(
                f"DotProductAttention with mode={self.mode!r} needs queries and keys of one width; "
                f"mode='general' does not. Received: query_shape={query}, key_shape={key}"
            )
        self.drop = self.add(keras.layers.Dropout, value, self.dropout)

    def call(self, inputs, mask=None, training=None, return_attention_scores=False):
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        mask = mask_of(value, mask, "DotProductAttention", inputs=(1, 2))
        single = len(query.shape) == 2
        query = ops.expand_dims(query, 1) if single else query
        if self.mode == "general":
            query = ops.matmul(query, self.kernel)
        y, scores = dot_product.attend(
            *(ops.expand_dims(x, 1) for x in (query, key, value)),  # one head
            scale=None if self.mode == "scaled" else 1.0,
            mask=None if mask is None else mask[:, None, None],
            dropout=self.drop,
            training=training,
        )
        y = ops.squeeze(y, (1, 2) if single else 1)
        return (y, scores) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        one_per_query = isinstance(mask, list | tuple) and len(inputs[0].shape) == 3
        return mask[0] if one_per_query else None

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "dropout": self.dropout}
