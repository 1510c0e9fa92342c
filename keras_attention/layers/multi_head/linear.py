"""Attention in a time that grows with the number of positions, not with its square."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, divides, mask_of, one_of, optional_at_least, positive, rate

FEATURE_MAPS = ("elu", "relu", "softmax")


@keras.saving.register_keras_serializable("keras_attention")
class LinearAttention(AttentionLayer):
    """y_i = W_out concat_h f(q_i) . (sum_j f(k_j) v_j) / (f(q_i) . sum_j f(k_j) + epsilon).

    The sums over j are the same for all i. With feature_map="softmax" instead
    y_i = W_out concat_h softmax_d(q_i) . sum_j softmax_j(k_j) v_j.

    Args:
        num_heads: Integer >= 1.
        key_dim: Width d of one head; None is channels / num_heads.
        feature_map: f; "elu" is elu(x) + 1, "relu" the positive part; or "softmax".
        epsilon: Added to the denominator, which "softmax" does not have.
        use_bias: Whether queries, keys and values have biases; the output always has one.
        dropout: Rate for the output, in training; the weights are never there to be dropped.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True where a position may be attended to.
    Input shape: tokens (batch, N, channels) or a map (batch, height, width, channels), or channels
        first. Output shape: the same.
    Scores: (batch, heads, N, N), the equivalent weights of an attention, computed only when asked
        for. Rows sum to 1, but to 0 for "relu" where a query has no positive entry.
    Raises: ValueError if an argument is out of its range, the channels do not fit the heads or
        the mask does not fit.
    Differs from dot-product attention, as in the papers: no 1 / sqrt(d).
    Reference: "elu": Katharopoulos et al., "Transformers are RNNs", ICML 2020, arXiv:2006.16236.
        "softmax": Shen et al., "Efficient Attention", WACV 2021, arXiv:1812.01243. "relu": Cai et
        al., "EfficientViT", ICCV 2023, arXiv:2205.14756.
    """

    score_kind = "pairwise"
    slots = ("token", "mixer")
    ranks = (3, 4)

    def __init__(
        self,
        num_heads: int = 8,
        key_dim: int | None = None,
        feature_map: str = "elu",
        epsilon: float = 1e-6,
        use_bias: bool = False,
        dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "LinearAttention", num_heads=num_heads)
        self.key_dim = optional_at_least(1, "LinearAttention", key_dim=key_dim)
        self.feature_map = one_of(FEATURE_MAPS, "LinearAttention", feature_map=feature_map)
        self.epsilon = positive("LinearAttention", epsilon=epsilon)
        self.use_bias = use_bias
        self.dropout = rate("LinearAttention", dropout=dropout)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        if self.key_dim is None:
            owner = f"LinearAttention {self.name!r}"
            divides(channels, "channels", owner, num_heads=self.num_heads)
        inner = self.num_heads * (self.key_dim or channels // self.num_heads)
        self.qkv = self.add_dense(channels, 3 * inner, use_bias=self.use_bias, name="qkv")
        self.proj = self.add_dense(inner, channels, name="proj")
        self.drop = self.add(keras.layers.Dropout, None, self.dropout, name="dropout")

    def call(self, x, mask=None, training=None, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)
        mask = mask_of(tokens, mask, "LinearAttention")
        parts = ops.split(self.qkv(tokens), 3, axis=-1)
        # Sums over many positions, in float32.
        parts = [ops.cast(split_heads(part, self.num_heads), "float32") for part in parts]
        query, key, value = self._features(*parts, mask)
        y = ops.matmul(query, ops.matmul(ops.swapaxes(key, -1, -2), value))
        y = ops.cast(merge_heads(y), self.compute_dtype)
        y = self.drop(self.proj(y), training=training)
        y = self.blend(x, axes.from_tokens(y, x, self.data_format))
        return (y, ops.matmul(query, ops.swapaxes(key, -1, -2))) if return_attention_scores else y

    def _features(self, query, key, value, mask):
        """Queries and keys whose products are the weights, and the values."""
        mask = None if mask is None else mask[:, None, :, None]  # of (B, heads, N, d)
        if self.feature_map == "softmax":
            return masked_softmax(query), masked_softmax(key, mask, axis=-2), value
        if self.feature_map == "elu":
            query, key = ops.elu(query) + 1.0, ops.elu(key) + 1.0
        else:
            query, key = ops.relu(query), ops.relu(key)
        if mask is not None:
            key = key * ops.cast(mask, "float32")  # after f, which is not zero at zero
        total = ops.sum(key, axis=-2, keepdims=True)  # (B, heads, 1, d)
        return query / (ops.sum(query * total, axis=-1, keepdims=True) + self.epsilon), key, value

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "feature_map": self.feature_map,
            "epsilon": self.epsilon,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }
