"""Means over positions with learned weights, and what is asked of such weights."""

from keras import ops

from .dot_product import masked_softmax


def softmax_mean(logits, values, *, mask=None, dropout=None, training=None):
    """The pair (y, weights): weights = softmax(logits) over positions, y = weights values.

    Args:
        logits: (B, queries, N). values: (B, N, C).
        mask: Boolean (B, N), True where a position may be used; where none may, y is 0.
        dropout: A `keras.layers.Dropout` for the weights, or None.
    Returns: y (B, queries, C) in the dtype of `values`, and the weights before dropout in float32.
    """
    weights = masked_softmax(logits, None if mask is None else ops.expand_dims(mask, 1))
    applied = ops.cast(weights, values.dtype)
    if dropout is not None:
        applied = dropout(applied, training=training)
    return ops.matmul(applied, values), weights


def doubly_stochastic_penalty(scores, mask=None):
    """sum_i (1 - sum_t scores_ti)^2, small where every position is looked at once in all.

    Args:
        scores: (B, T, L), the weights of L positions at each of T words.
        mask: Boolean (B, T), True for words; None counts all.
    Returns: (B,) in float32, to be scaled and added to a loss.
    Differs from the authors' code, which also counts the weights at padded words.
    Reference: Xu et al., "Show, Attend and Tell", ICML 2015, arXiv:1502.03044, equation (14).
    """
    scores = ops.cast(scores, "float32")
    if mask is not None:
        scores = scores * ops.cast(ops.expand_dims(mask, -1), "float32")
    return ops.sum(ops.square(1.0 - ops.sum(scores, axis=1)), axis=-1)
