"""The non-local block."""

import keras
from keras import ops

from ...ops import axes, pool
from ...ops.dot_product import attend
from ..base import AttentionLayer
from ..checks import one_of, optional_at_least

MODES = ("embedded_gaussian", "gaussian", "dot_product", "concatenate")
WITH_SOFTMAX = ("embedded_gaussian", "gaussian")


@keras.saving.register_keras_serializable("keras_attention")
class NonLocal(AttentionLayer):
    """y_i = x_i + norm(W_out sum_j f_ij value(x_j)), where j runs over all positions.

    f depends on `mode`, with t = theta(x_i), p = phi(x_j) and N positions j:

    - "embedded_gaussian": softmax_j(t . p).
    - "gaussian": softmax_j(x_i . x_j), without theta and phi.
    - "dot_product": t . p / N; the N x N matrix is built for the scores only.
    - "concatenate": relu(w . [t; p]) / N.

    Args:
        mode: One of the four.
        hidden: Width of theta, phi and value; None is max(1, channels // 2).
        scale: Whether to multiply products by 1 / sqrt(their width) before the softmax.
        subsample: Whether j runs over 2 x 2 maxima of phi and value ("gaussian": of x and value);
            pairs of tokens; in videos, 2 x 2 within each frame. An odd last row stays, by itself.
        use_norm: Whether there is batch normalisation, after W_out.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, tokens, channels), (batch, height, width, channels) or (batch, time,
        height, width, channels), the last two also channels first. Output shape: the same.
    Scores: (batch, 1, N, positions j), f. Rows sum to 1 in the two modes with a softmax.
    Raises: ValueError for an unknown `mode`, a `hidden` below 1, or `scale` where there is no
        softmax.
    Starts as the identity: the scale of the normalisation, or W_out without it, is zero.
    Differs from the authors' code, which has scale=True, and from timm, which multiplies by
    1 / sqrt(channels).
    Reference: Wang, Girshick, Gupta, He, "Non-local Neural Networks", CVPR 2018, arXiv:1711.07971.
    """

    score_kind = "pairwise"
    ranks = (3, 4, 5)
    identity_start = "native"

    def __init__(
        self,
        mode: str = "embedded_gaussian",
        hidden: int | None = None,
        scale: bool = False,
        subsample: bool = False,
        use_norm: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.mode = one_of(MODES, "NonLocal", mode=mode)
        if scale and mode not in WITH_SOFTMAX:
            raise ValueError(
                f"NonLocal: scale must be False where there is no softmax, as with mode={mode!r}. "
                f"Received: scale={scale!r}"
            )
        self.hidden = optional_at_least(1, "NonLocal", hidden=hidden)
        self.scale = scale
        self.subsample = subsample
        self.use_norm = use_norm

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        hidden = self.hidden or max(1, channels // 2)
        if self.mode != "gaussian":
            self.theta = self.add_dense(channels, hidden, kernel_initializer=_small(), name="theta")
            self.phi = self.add_dense(channels, hidden, kernel_initializer=_small(), name="phi")
        if self.mode == "concatenate":
            self.relation = self.add_weight(
                shape=(2 * hidden,), initializer=_small(), name="relation"
            )
        self.value = self.add_dense(channels, hidden, kernel_initializer=_small(), name="value")
        start = _small() if self.use_norm else "zeros"
        self.out = self.add_dense(hidden, channels, kernel_initializer=start, name="out")
        if self.use_norm:
            self.norm = self.add(
                keras.layers.BatchNormalization,
                (None, None, channels),
                momentum=0.9,
                epsilon=1e-5,
                gamma_initializer="zeros",
                name="norm",
            )

    def call(self, x, training=None, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        query = key = last
        if self.mode != "gaussian":
            query, key = self.theta(last), self.phi(last)
        value = self.value(last)
        if self.subsample:
            key, value = pool.halved(key), pool.halved(value)
        query, key, value = (axes.to_tokens(part, "channels_last") for part in (query, key, value))
        relate = {"dot_product": self._products, "concatenate": self._concatenations}
        relate = relate.get(self.mode, self._softmax)
        y, scores = relate(query, key, value, return_attention_scores)
        y = self.out(y)
        if self.use_norm:
            y = self.norm(y, training=training)
        y = x + axes.from_tokens(y, x, self.data_format)
        return (y, scores) if return_attention_scores else y

    def _softmax(self, query, key, value, need_weights):
        parts = [part[:, None] for part in (query, key, value)]  # (B, 1, N, width)
        if self.mode == "gaussian":  # x_i . x_i is about the channels, and float16 ends at 65504
            parts = [ops.cast(part, "float32") for part in parts]
        scale = query.shape[-1] ** -0.5 if self.scale else 1.0
        y, weights = attend(*parts, scale=scale, need_weights=need_weights)
        return ops.cast(y[:, 0], value.dtype), weights

    def _products(self, query, key, value, need_weights):
        key = ops.swapaxes(key / ops.cast(ops.shape(key)[1], key.dtype), 1, 2)  # (B, hidden, N)
        weights = ops.matmul(query, key)[:, None] if need_weights else None
        y = ops.matmul(query, ops.matmul(key, value))
        return y, None if weights is None else ops.cast(weights, "float32")

    def _concatenations(self, query, key, value, need_weights):
        ours, theirs = ops.split(ops.cast(self.relation, query.dtype)[:, None], 2)
        logits = ops.matmul(query, ours) + ops.swapaxes(ops.matmul(key, theirs), 1, 2)
        weights = ops.relu(logits) / ops.cast(ops.shape(key)[1], logits.dtype)
        return ops.matmul(weights, value), ops.cast(weights, "float32")[:, None]

    def get_config(self):
        return {
            **super().get_config(),
            "mode": self.mode,
            "hidden": self.hidden,
            "scale": self.scale,
            "subsample": self.subsample,
            "use_norm": self.use_norm,
        }


def _small():
    # A new one for each weight: one object gives the same numbers again.
    return keras.initializers.RandomNormal(stddev=0.01)
