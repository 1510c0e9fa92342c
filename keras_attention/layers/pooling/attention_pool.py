"""Multi-head attention of learned queries, for a vision transformer without a class token."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import attend, merge_heads, split_heads
from ..base import AttentionLayer
from ..checks import at_least, mask_of, positive


@keras.saving.register_keras_serializable("keras_attention")
class AttentionPool(AttentionLayer):
    """y = o + MLP(LN(o)), o = W_o softmax(W_q l (W_k x)^T / sqrt(d)) W_v x in heads, l learned.

    Args:
        num_heads: Integer >= 1; divides the channels into heads of width d.
        num_queries: Integer >= 1, the number of learned queries l.
        mlp_ratio: The hidden layer of the MLP has int(mlp_ratio * channels) units.
        use_norm: Whether there is LN.
        epsilon: Added to the variance in LN.
        activation: Activation of the hidden layer; "gelu" is the exact one.
        **kwargs: `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, positions), True where one may be used. Where none may,
        the weighted sum is zero, and o is the bias of W_o.
    Input shape: tokens (batch, tokens, channels) or a map (batch, height, width, channels), or
        channels first. Output shape: (batch, channels), or (batch, num_queries, channels) for more
        than one query.
    Scores: (batch, heads, positions), or (batch, heads, num_queries, positions) for more than one.
    Raises: ValueError for a number out of range, channels that do not divide by `num_heads`, or a
        mask that does not fit.
    Differs from timm's AttentionPoolLatent, which has no LN unless it is given one, and returns
        the first of several queries or their mean.
    Differs from the authors' code, where GELU is the tanh approximation, and from Lee et al., who
        add l to o and normalise after both sums.
    Reference: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023,
        arXiv:2303.15343, after Lee et al., "Set Transformer", ICML 2019, arXiv:1810.00825.
    """

    score_kind = "pool"
    slots = ("pool",)
    ranks = (3, 4)
    identity_start = None

    def __init__(
        self,
        num_heads: int = 8,
        num_queries: int = 1,
        mlp_ratio: float = 4,
        use_norm: bool = True,
        epsilon: float = 1e-6,
        activation="gelu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, "AttentionPool", num_heads=num_heads)
        self.num_queries = at_least(1, "AttentionPool", num_queries=num_queries)
        self.mlp_ratio = positive("AttentionPool", mlp_ratio=mlp_ratio)
        self.use_norm = use_norm
        self.epsilon = positive("AttentionPool", epsilon=epsilon)
        self.activation = keras.activations.get(activation)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        hidden = int(channels * self.mlp_ratio)
        if channels % self.num_heads or hidden < 1:
            raise ValueError(
                "AttentionPool needs channels that divide by num_heads, and at least one hidden "
                f"unit. Received: channels={channels}, num_heads={self.num_heads}, "
                f"mlp_ratio={self.mlp_ratio}"
            )
        self.latent = self.add_weight(
            shape=(1, self.num_queries, channels),
            initializer=keras.initializers.TruncatedNormal(stddev=channels**-0.5),
            name="latent",
        )
        self.query = self.add_dense(channels, channels, name="query")
        self.key_value = self.add_dense(channels, 2 * channels, name="key_value")
        self.proj = self.add_dense(channels, channels, name="proj")
        if self.use_norm:
            shape = (None, None, channels)
            self.norm = self.add(
                keras.layers.LayerNormalization, shape, epsilon=self.epsilon, name="norm"
            )
        self.mlp_in = self.add_dense(channels, hidden, activation=self.activation, name="mlp_in")
        self.mlp_out = self.add_dense(hidden, channels, name="mlp_out")

    def call(self, x, mask=None, return_attention_scores=False):
        x = axes.to_tokens(x, self.data_format)
        mask = mask_of(x, mask, "AttentionPool")
        query = self.query(ops.convert_to_tensor(self.latent))  # (1, Q, C), equal for all inputs
        key, value = ops.split(self.key_value(x), 2, axis=-1)
        o, scores = attend(
            *(split_heads(part, self.num_heads) for part in (query, key, value)),
            mask=None if mask is None else mask[:, None, None],
        )
        o = self.proj(merge_heads(o))
        y = o + self.mlp_out(self.mlp_in(self.norm(o) if self.use_norm else o))
        if self.num_queries == 1:
            y, scores = ops.squeeze(y, 1), ops.squeeze(scores, 2)
        return (y, scores) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_queries": self.num_queries,
            "mlp_ratio": self.mlp_ratio,
            "use_norm": self.use_norm,
            "epsilon": self.epsilon,
            "activation": keras.activations.serialize(self.activation),
        }
