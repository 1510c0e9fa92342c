"""Attention over all positions of all frames at once."""

import keras
from keras import ops

from ...ops import axes
from ..base import AttentionLayer
from ..checks import at_least, class_token, mask_of, one_of, optional_at_least, rate, shapes
from ..multi_head.mhsa import QK_NORMS, MultiHeadSelfAttention

NAME = "JointSpaceTimeAttention"


@keras.saving.register_keras_serializable("keras_attention")
class JointSpaceTimeAttention(AttentionLayer):
    """y_i = W_out concat_h sum_j softmax_j(q_i . k_j / sqrt(d)) v_j over all t, y, x of a video.

    Called on a video, or on [video, class token], which is one more position. The number of
    weights is (time * height * width)^2; `DividedSpaceTimeAttention` has far fewer.

    Args:
        num_heads: Integer >= 1.
        key_dim: Width d of one head; None is channels / num_heads.
        use_bias: Whether queries, keys and values have biases; the output always has one.
        qk_norm: None, or "layer" or "rms": normalise each query and key over d.
        dropout: Rate for the weights, in training.
        projection_dropout: Rate for the output, in training.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, time) or (batch, time, height, width), True where a
        frame or a position may be attended to; the class token always may. Or a list of it and
        None.
    Input shape: a video (batch, time, height, width, channels), or channels first; class token
        (batch, 1, channels). Output shape: the same, a list where the input is one.
    Scores: (batch, heads, N, N) over the class token, where there is one, and (t, y, x), x
        fastest; rows sum to 1.
    Raises: ValueError if an argument is out of its range, the channels do not fit the heads or
        the inputs do not fit each other.
    Reference: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?",
        ICML 2021, arXiv:2102.05095; Arnab et al., "ViViT", ICCV 2021, arXiv:2103.15691, model 1.
    """

    score_kind = "pairwise"
    slots = ("token",)
    ranks = (5,)

    def __init__(
        self,
        num_heads: int = 12,
        key_dim: int | None = None,
        use_bias: bool = True,
        qk_norm: str | None = None,
        dropout: float = 0,
        projection_dropout: float = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = at_least(1, NAME, num_heads=num_heads)
        self.key_dim = optional_at_least(1, NAME, key_dim=key_dim)
        self.use_bias = use_bias
        self.qk_norm = one_of(QK_NORMS, NAME, qk_norm=qk_norm)
        self.dropout = rate(NAME, dropout=dropout)
        self.projection_dropout = rate(NAME, projection_dropout=projection_dropout)
        self.supports_masking = True

    def build(self, input_shape):
        video, *token = shapes(input_shape, ("video", "class"), NAME)
        super().build(video)
        channels = video[self.channel]
        class_token(token, channels, NAME)
        self.attention = self.add(
            MultiHeadSelfAttention,
            (None, None, channels),
            self.num_heads,
            self.key_dim,
            self.use_bias,
            self.qk_norm,
            dropout=self.dropout,
            projection_dropout=self.projection_dropout,
            name="attention",
        )

    def call(self, inputs, mask=None, training=None, return_attention_scores=False):
        x, *token = inputs if isinstance(inputs, list | tuple) else [inputs]
        token = [one[:, :1] for one in token]  # says that it is one, where sizes are unknown
        tokens = axes.to_tokens(x, self.data_format)  # (B, T H W, C)
        mask = self._positions(x, mask)
        if token:
            tokens = ops.concatenate([*token, tokens], axis=1)
            mask = None if mask is None else ops.pad(mask, ((0, 0), (1, 0)), constant_values=True)
        found = self.attention(
            tokens,
            mask=mask,
            training=training,
            return_attention_scores=return_attention_scores,
        )
        y, scores = found if return_attention_scores else (found, None)
        first = len(token)
        video = self.blend(x, axes.from_tokens(y[:, first:], x, self.data_format))
        y = [video, self.blend(token[0], y[:, :first])] if token else video
        return (y, scores) if return_attention_scores else y

    def _positions(self, x, mask):
        """The mask (B, T H W) that a mask of frames or of positions means."""
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        if mask is None:
            return None
        video = axes.to_last(x, self.data_format)
        if len(mask.shape) == 4:
            mask = ops.cast(mask, "bool")
            flat = ops.reshape(mask, (ops.shape(mask)[0], -1))
            return mask_of(axes.to_tokens(x, self.data_format), flat, NAME)
        mask = mask_of(video, mask, NAME)[:, :, None, None]
        batch, *sizes = ops.shape(video)[:-1]
        mask = ops.broadcast_to(mask, (batch, *sizes))
        return ops.reshape(mask, (batch, -1))

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "use_bias": self.use_bias,
            "qk_norm": self.qk_norm,
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
        }
