"""Global context."""

import keras
from keras import ops

from ...ops import axes
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, nearest, optional_at_least, reduced

FUSES = ("add", "scale")


@keras.saving.register_keras_serializable("keras_attention")
class GlobalContext(AttentionLayer):
    """y = x + t ("add") or x * sigmoid(t) ("scale"), t = W2 relu(LN(W1 sum_n a_n x_n)).

    The weights a = softmax_n(w x_n) of the positions n are the same for all outputs. W2 starts at
    zero, so "add" starts as the identity and "scale" as x / 2.

    Args:
        fuse: "add" or "scale".
        reduction: Integer >= 1; the hidden layer has channels // reduction units.
        hidden: Width of the hidden layer; None takes it from `reduction`.
        epsilon: Added to the variance in the layer normalisation.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: (batch, 1, height * width), the weight of each position in the context.
    Raises: ValueError for an unknown `fuse`, if `reduction` or `hidden` is below 1, or
        `reduction` above the channels.
    Differs from timm's GlobalContext: that one scales unless told to add, its reduction is 8, its
        epsilon 1e-6, and its `fuse_add` starts with a random bias, so not as the identity.
    Reference: Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond",
        ICCV workshops 2019, arXiv:1904.11492.
    """

    score_kind = "pool"
    identity_start = "native"

    def __init__(
        self,
        fuse: str = "add",
        reduction: int = 16,
        hidden: int | None = None,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if fuse not in FUSES:
            raise ValueError(
                f"GlobalContext: fuse must be one of {list(FUSES)}.{nearest(fuse, FUSES)} "
                f"Received: fuse={fuse!r}"
            )
        self.fuse = fuse
        self.identity_start = "native" if fuse == "add" else "blend"
        self.reduction = at_least(1, "GlobalContext", reduction=reduction)
        self.hidden = optional_at_least(1, "GlobalContext", hidden=hidden)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        owner = f"GlobalContext {self.name!r}"
        hidden = self.hidden or reduced(channels, owner, reduction=self.reduction)
        self.score = self.add_dense(channels, 1, kernel_initializer="he_normal", name="score")
        self.squeeze = self.add_dense(channels, hidden, name="squeeze")
        self.norm = self.add(
            keras.layers.LayerNormalization, (None, hidden), epsilon=self.epsilon, name="norm"
        )
        self.expand = self.add_dense(hidden, channels, kernel_initializer="zeros", name="expand")

    def call(self, x, return_attention_scores=False):
        tokens = axes.to_tokens(x, self.data_format)  # (B, N, C)
        weights = ops.swapaxes(masked_softmax(self.score(tokens), axis=1), 1, 2)  # (B, 1, N)
        context = ops.squeeze(ops.matmul(ops.cast(weights, tokens.dtype), tokens), 1)  # (B, C)
        t = ops.expand_dims(self.expand(ops.relu(self.norm(self.squeeze(context)))), self.space)
        y = x + t if self.fuse == "add" else self.blend(x, x * ops.sigmoid(t))
        return (y, weights) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "fuse": self.fuse,
            "reduction": self.reduction,
            "hidden": self.hidden,
            "epsilon": self.epsilon,
        }
