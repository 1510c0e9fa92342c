"""Keeping the tokens that the class token looks at."""

import math

import keras
from keras import ops

from ..base import AttentionLayer
from ..checks import mask_of, shapes


@keras.saving.register_keras_serializable("keras_attention")
class TokenSelection(AttentionLayer):
    """y = [x_0; x_i of the k largest a_i, in falling order; sum of a_i x_i over the rest].

    Called on [tokens, attention], where x_0 is the class token and a the mean over heads of its
    attention to the others; k = ceil(keep_rate * (N - 1)). Where k = N - 1 the tokens are returned
    as they are. The choice has no gradient; the sum has one.

    Args:
        keep_rate: Number in (0, 1], the share of the tokens to keep.
        fuse: Whether there is the sum.
        normalize_fused: Whether it is divided by the sum of its a_i.
        **kwargs: `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, N), True where a token may be used; or a list of masks,
        one for each input or None. Masked tokens come after all others and are zero.
    Input shape: tokens (batch, N, channels), attention (batch, heads, N) of the class token, also
        to itself. Output shape: (batch, 1 + k, channels), or (batch, 2 + k, channels) with the sum.
    Scores: (batch, 1, N), the weights a, which are zero for the class token itself.
    Raises: ValueError if `keep_rate` is out of range, N is unknown, or a shape does not fit.
    Differs from the paper's text, which calls the sum an average; the authors' code does not
        divide, as here unless `normalize_fused`.
    Reference: Liang et al., "Not All Patches are What You Need: Expediting Vision Transformers via
        Token Reorganizations", ICLR 2022, arXiv:2202.07800, section 3.
    """

    score_kind = "pool"
    slots = ("token",)
    ranks = (3,)
    identity_start = None

    def __init__(
        self,
        keep_rate: float = 0.7,
        fuse: bool = True,
        normalize_fused: bool = False,
        **kwargs,
    ):
        # The attention comes in the precision it has, for the sake of the ranking.
        super().__init__(autocast=False, **kwargs)
        if not isinstance(keep_rate, int | float) or not 0 < keep_rate <= 1:
            raise ValueError(
                f"TokenSelection: keep_rate must be in (0, 1]. Received: keep_rate={keep_rate!r}"
            )
        self.keep_rate = keep_rate
        self.fuse = fuse
        self.normalize_fused = normalize_fused
        self.supports_masking = True

    def build(self, input_shape):
        names = ("tokens", "attention")
        tokens, attention = shapes(input_shape, names, "TokenSelection", required=2)
        super().build(tokens)
        self.check_shape(tokens, static=True)
        if tokens[1] < 2 or len(attention) != 3 or attention[2] not in (tokens[1], None):
            raise ValueError(
                "TokenSelection needs two tokens at least, and attention (batch, heads, tokens). "
                f"Received: input_shape={tokens}, attention_shape={attention}"
            )

    def call(self, inputs, mask=None, return_attention_scores=False):
        x, attention = inputs
        x = ops.cast(x, self.compute_dtype)
        patches = ops.mean(ops.cast(attention, "float32"), 1)[:, 1:]
        mask = mask_of(x, mask, "TokenSelection")
        if mask is not None:
            x = ops.where(mask[..., None], x, 0)
            patches = ops.where(mask[:, 1:], patches, 0)
        scores = ops.pad(patches, ((0, 0), (1, 0)))[:, None]
        y = self._select(x, patches, mask)
        return (y, scores) if return_attention_scores else y

    def _select(self, x, weights, mask):
        others = x.shape[1] - 1
        k = math.ceil(self.keep_rate * others)
        if k == others:
            return x
        # Attention is never negative, so that masked tokens are behind all others.
        rank = weights if mask is None else ops.where(mask[:, 1:], weights, -1.0)
        _, best = ops.top_k(rank, k)
        chosen = ops.one_hot(best, others, dtype="float32")  # (B, k, N - 1)
        rows = [chosen]
        if self.fuse:
            rest = weights * (1.0 - ops.sum(chosen, 1))
            if self.normalize_fused:
                rest = rest / ops.maximum(ops.sum(rest, -1, keepdims=True), 1e-12)
            rows.append(rest[:, None])
        rows = ops.cast(ops.concatenate(rows, 1), x.dtype)
        return ops.concatenate([x[:, :1], ops.matmul(rows, x[:, 1:])], 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "keep_rate": self.keep_rate,
            "fuse": self.fuse,
            "normalize_fused": self.normalize_fused,
        }
