"""The self-attention of SAGAN."""

import keras
from keras import ops

from ...ops import axes, pool
from ...ops.dot_product import attend
from ..base import AttentionLayer
from ..checks import at_least, reduced
from ..spectral_norm import SpectralDense


@keras.saving.register_keras_serializable("keras_attention")
class SelfAttention2D(AttentionLayer):
    """y = x + gamma W_out (softmax(query(x) key(x)^T) value(x)), without a scale of the products.

    Args:
        key_reduction: Integer >= 1; query and key have channels // key_reduction channels.
        value_reduction: Integer >= 1; the same for the value.
        pool: Whether keys and values are 2 x 2 maxima, a quarter of the positions.
        use_projection: Whether there is a W_out.
        spectral_norm: Whether each kernel is divided by its largest singular value, whose estimate
            improves by a step in each call with training=True.
        use_bias: Whether query, key, value and W_out have biases.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, N, N / 4), or (batch, 1, N, N) without `pool`, N = height * width. Rows sum
        to 1.
    Raises: ValueError if a reduction is below 1 or above the channels; if
        `use_projection` is False and value_reduction is not 1; with `pool`, for an odd height or
        width. Where these are unknown when the layer is built, an odd last row or column is
        pooled by itself.
    Starts as the identity: gamma is zero.
    Differs from the paper's text: the defaults are those of the authors' code. The text has
    value_reduction=8, pool=False; the common port to torch value_reduction=1, pool=False,
    use_projection=False, spectral_norm=False, use_bias=True.
    Reference: Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks",
        ICML 2019, arXiv:1805.08318.
    """

    score_kind = "pairwise"
    identity_start = "native"

    def __init__(
        self,
        key_reduction: int = 8,
        value_reduction: int = 2,
        pool: bool = True,
        use_projection: bool = True,
        spectral_norm: bool = True,
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "SelfAttention2D"
        self.key_reduction = at_least(1, owner, key_reduction=key_reduction)
        self.value_reduction = at_least(1, owner, value_reduction=value_reduction)
        if not use_projection and value_reduction != 1:
            raise ValueError(
                f"{owner}: use_projection=False needs value_reduction=1, values as wide as the "
                f"input. Received: value_reduction={value_reduction}"
            )
        self.pool = pool
        self.use_projection = use_projection
        self.spectral_norm = spectral_norm
        self.use_bias = use_bias

    def build(self, input_shape):
        super().build(input_shape)
        sides = [input_shape[axis] for axis in self.space]
        if self.pool and any(side is not None and side % 2 for side in sides):
            raise ValueError(
                f"SelfAttention2D {self.name!r} with pool=True needs an even height and width; "
                f"pool=False takes any. Received: input_shape={tuple(input_shape)}"
            )
        channels = input_shape[self.channel]
        owner = f"SelfAttention2D {self.name!r}"
        keys = reduced(channels, owner, key_reduction=self.key_reduction)
        values = reduced(channels, owner, value_reduction=self.value_reduction)
        self.query = self._projection(channels, keys, "query")
        self.key = self._projection(channels, keys, "key")
        self.value = self._projection(channels, values, "value")
        if self.use_projection:
            self.out = self._projection(values, channels, "out")
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def _projection(self, inputs, units, name):
        cls = SpectralDense if self.spectral_norm else keras.layers.Dense
        return self.add(cls, (None, inputs), units, use_bias=self.use_bias, name=name)

    def call(self, x, training=None, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        query, key, value = (
            layer(last, training=training) for layer in (self.query, self.key, self.value)
        )
        if self.pool:
            key, value = pool.halved(key), pool.halved(value)
        query, key, value = (
            axes.to_tokens(part, "channels_last")[:, None] for part in (query, key, value)
        )  # (B, 1, N, channels)
        y, scores = attend(query, key, value, scale=1.0, need_weights=return_attention_scores)
        y = y[:, 0]
        if self.use_projection:
            y = self.out(y, training=training)
        y = x + ops.cast(self.gamma, y.dtype) * axes.from_tokens(y, x, self.data_format)
        return (y, scores) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "key_reduction": self.key_reduction,
            "value_reduction": self.value_reduction,
            "pool": self.pool,
            "use_projection": self.use_projection,
            "spectral_norm": self.spectral_norm,
            "use_bias": self.use_bias,
        }
