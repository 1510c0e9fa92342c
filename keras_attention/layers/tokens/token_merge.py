"""Merging of similar tokens."""

import keras
import numpy as np
from keras import ops

from ...ops import norms
from ..base import AttentionLayer
from ..checks import at_least, shapes

# Finite, and below every cosine.
NEVER = -1e9


@keras.saving.register_keras_serializable("keras_attention")
class TokenMerging(AttentionLayer):
    """y = M x, where M replaces the r most similar pairs of tokens by their means.

    The tokens at even places, A, and at odd places, B, are two sets. Each of A finds the most
    similar of B by the cosine of their metrics, and the r best of these pairs merge. Means weigh
    each token with its size, the number of tokens it has come from, and sizes add up. The next
    attention should add log(size) to the logits of its keys. Called on tokens, [tokens, metric] or
    [tokens, metric, size]. The choice of pairs has no gradient; the means have one.

    Args:
        r: Integer >= 1, how many tokens fewer there are; at most half of those that may merge.
        num_prefix_tokens: Integer >= 0, tokens at the front, such as that of the class, which
            neither merge nor move.
        **kwargs: `dtype`, `name`.
    Input shape: tokens (batch, N, channels); metric (batch, N, width), by default the tokens, in
        the paper the mean over heads of the keys of the attention before; size (batch, N), by
        default ones.
    Output shape: a list of tokens (batch, N - r, channels): prefix, rest of A, B, each in its
        order; and size (batch, N - r).
    Scores: (batch, 1, N - r, N), the matrix M, whose rows sum to one.
    Raises: ValueError if a number is out of range, N is unknown or too small for r, or an input
        has another shape.
    Differs from the authors' code, which without prefix orders the rest of A by similarity, merges
        fewer pairs where r is too large, and has a last axis of length 1 in size.
    Reference: Bolya et al., "Token Merging: Your ViT But Faster", ICLR 2023, arXiv:2210.09461,
        section 3.
    """

    score_kind = "pairwise"
    slots = ("token",)
    ranks = (3,)
    identity_start = None

    def __init__(self, r: int, num_prefix_tokens: int = 1, **kwargs):
        # Similarities and sizes come in the precision they have, for the sake of the ranking.
        super().__init__(autocast=False, **kwargs)
        self.r = at_least(1, "TokenMerging", r=r)
        self.num_prefix_tokens = at_least(0, "TokenMerging", num_prefix_tokens=num_prefix_tokens)

    def build(self, input_shape):
        names = ("tokens", "metric", "size")
        tokens, *others = shapes(input_shape, names, "TokenMerging")
        super().build(tokens)
        self.check_shape(tokens, static=True)
        for name, shape, rank in zip(names[1:], others, (3, 2), strict=False):
            if len(shape) != rank or shape[1] not in (tokens[1], None):
                raise ValueError(
                    f"TokenMerging needs a {name} for each of the {tokens[1]} tokens. "
                    f"Received: {name}_shape={shape}"
                )
        most = (tokens[1] - self.num_prefix_tokens) // 2
        if self.r > most:
            raise ValueError(
                f"TokenMerging can merge at most half of the tokens after the prefix, {most} here. "
                f"Received: r={self.r}, input_shape={tokens}"
            )

    def call(self, inputs, return_attention_scores=False):
        x, *others = inputs if isinstance(inputs, list | tuple) else [inputs]
        groups = self._groups(others[0] if others else x)
        size = others[1] if len(others) > 1 else ops.ones_like(x[..., 0])
        shares = groups * ops.cast(size, "float32")[:, None]  # (B, N - r, N)
        size = ops.sum(shares, -1)
        merge = shares / size[..., None]
        y = ops.matmul(ops.cast(merge, self.compute_dtype), ops.cast(x, self.compute_dtype))
        y = [y, ops.cast(size, self.compute_dtype)]
        return (y, merge[:, None]) if return_attention_scores else y

    def _groups(self, metric):
        """(B, N - r, N), one where a token goes into an output token and zero elsewhere."""
        tokens, prefix = metric.shape[1], self.num_prefix_tokens
        metric = norms.unit(metric)
        similar = ops.matmul(metric[:, ::2], ops.swapaxes(metric[:, 1::2], 1, 2))
        free = np.arange(tokens) >= prefix
        similar = ops.where(free[::2, None] & free[None, 1::2], similar, NEVER)
        ones, most = similar.shape[1], similar.shape[2]  # of A and of B
        _, best = ops.top_k(ops.max(similar, -1), self.r)
        merged = ops.sum(ops.one_hot(best, ones, dtype="float32"), 1)  # (B, A)
        place = ops.cumsum(1.0 - merged, -1) - 1.0
        rows = ops.arange(ones - self.r, dtype="float32")[:, None]
        stay = ops.cast(place[:, None] == rows, "float32") * (1.0 - merged)[:, None]
        partner = ops.one_hot(ops.argmax(similar, -1), most, dtype="float32")  # (B, A, B)
        join = ops.swapaxes(partner * merged[..., None], 1, 2)
        return self._in_order(stay, join)

    def _in_order(self, stay, join):
        """The rows of A's rest and of B under each other, prefix first; columns as in the input."""
        rest, ones, most = stay.shape[1], stay.shape[2], join.shape[1]
        own = ops.broadcast_to(ops.eye(most)[None], (ops.shape(join)[0], most, most))
        top = ops.pad(stay, ((0, 0), (0, 0), (0, most)))
        groups = ops.concatenate([top, ops.concatenate([join, own], -1)], 1)
        rows = [*range(0, 2 * rest, 2), *range(1, 2 * most, 2)]  # where they were, about
        behind = 2 * (rest + most)
        prefix = self.num_prefix_tokens
        keys = [place if place < prefix else behind for place in rows]
        columns = [*range(0, 2 * ones, 2), *range(1, 2 * most, 2)]
        groups = ops.take(groups, np.argsort(keys, kind="stable"), axis=1)
        return ops.take(groups, np.argsort(columns), axis=2)

    def get_config(self):
        return {
            **super().get_config(),
            "r": self.r,
            "num_prefix_tokens": self.num_prefix_tokens,
        }
