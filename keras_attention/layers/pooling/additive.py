"""Attention with a perceptron as the score."""

import keras
from keras import ops

from ...ops import weighted
from ..base import AttentionLayer
from ..checks import at_least, mask_of, rate, shapes

NAMES = ("query", "value", "key")


@keras.saving.register_keras_serializable("keras_attention")
class AdditiveAttention(AttentionLayer):
    """y = sum_i a_i v_i, a = softmax_i(w . tanh(W_q q + W_k k_i + b)).

    Called on [query, value] or [query, value, key]; without keys the values are the keys.

    Args:
        units: Integer >= 1, the width of the hidden layer.
        use_bias: Whether there is b.
        dropout: Share of the weights a that is dropped in training.
        **kwargs: `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, tokens) of the values, True where one may be used; or a
        list of masks, one for each input or None, of which that of the queries changes nothing
        here and is handed on.
    Input shape: query (batch, channels) or (batch, queries, channels), value (batch, tokens,
        channels), key (batch, tokens, channels). Their channels may differ.
    Output shape: (batch, channels) or (batch, queries, channels), with the value's channels.
    Scores: (batch, 1, queries, tokens), the weights a.
    Raises: ValueError if `units` is below 1, `dropout` is not in [0, 1), or an input is missing.
    Differs from `keras.layers.AdditiveAttention`, which has no W_q, W_k and b.
    Reference: Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
        Translate", ICLR 2015, arXiv:1409.0473, appendix A.1.2.
    """

    score_kind = "pairwise"
    slots = ("pair",)
    ranks = (3,)
    identity_start = None

    def __init__(self, units: int, use_bias: bool = True, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = at_least(1, "AdditiveAttention", units=units)
        self.use_bias = use_bias
        self.dropout = rate("AdditiveAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        query, value, *key = shapes(input_shape, NAMES, "AdditiveAttention", required=2)
        key = key[0] if key else value
        self.check_shape(query, ranks=(2, 3), name="query_shape")
        self.check_shape(value, name="value_shape")
        self.check_shape(key, name="key_shape")
        self.query = self.add_dense(query[-1], self.units, use_bias=False, name="query")
        self.key = self.add_dense(key[-1], self.units, use_bias=False, name="key")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.score = self.add_dense(self.units, 1, use_bias=False, name="score")
        self.drop = self.add(keras.layers.Dropout, value, self.dropout)

    def call(self, inputs, mask=None, training=None, return_attention_scores=False):
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        single = len(query.shape) == 2
        query = ops.expand_dims(query, 1) if single else query
        # (B, queries, 1, units) + (B, 1, tokens, units)
        hidden = self.query(query)[:, :, None] + self.key(key)[:, None]
        hidden = hidden + self.bias if self.use_bias else hidden
        logits = self.score(ops.tanh(hidden))[..., 0]
        y, scores = weighted.softmax_mean(
            logits,
            value,
            mask=mask_of(value, mask, "AdditiveAttention", inputs=(1, 2)),
            dropout=self.drop,
            training=training,
        )
        y = ops.squeeze(y, 1) if single else y
        return (y, ops.expand_dims(scores, 1)) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        one_per_query = isinstance(mask, list | tuple) and len(inputs[0].shape) == 3
        return mask[0] if one_per_query else None

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
