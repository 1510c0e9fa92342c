"""Masks: where there is one, a masked token might as well not be there."""

import inspect

import keras
import numpy as np

from tests.contract.case import scores_of
from tests.layers.tools import assert_close, must_raise, to_numpy


def masks(case):
    """Masked tokens change nothing, get no weight, and nothing is NaN where none is left."""
    takes = "mask" in inspect.signature(case.cls.call).parameters
    assert takes == (case.mask is not None), f"call takes a mask: {takes}, the case: {case.mask}"
    layer = case.filled()
    assert bool(layer.supports_masking) == takes, f"supports_masking is {layer.supports_masking}"
    if not takes:
        return
    x = case.inputs()
    masked = x if case.single else x[case.mask]
    batch, tokens = masked.shape[:2]
    keep = np.ones((batch, tokens), bool)
    keep[0, tokens - 2 :] = False  # the end of the first of the batch
    _full_mask(case, layer, x, np.ones_like(keep))
    _content_of_masked(case, layer, x, keep)
    _shorter(case, layer, x, keep)
    _nothing_left(layer, x, batch, tokens)
    must_raise(lambda: layer(x, mask=np.ones((batch, tokens + 1), bool)), "mask", "Received: mask")


def _full_mask(case, layer, x, keep):
    for one, two in zip(*_flat(layer(x, mask=keep), layer(x)), strict=True):
        bound = 1e-5 * max(1, np.abs(to_numpy(two)).max())
        assert_close(one, two, bound, what="output with a mask that keeps all")


def _content_of_masked(case, layer, x, keep):
    """Other numbers at masked tokens change no output of another token, and no score."""
    other = [np.array(one) for one in ([x] if case.single else x)]
    index = 0 if case.single else case.mask
    other[index][~keep] += 3.0
    other = other[0] if case.single else other
    y, scores = scores_of(layer, x, mask=keep)
    again = layer(other, mask=keep)
    for one, two in zip(*_flat(again, y), strict=True):
        one, two = to_numpy(one), to_numpy(two)
        if one.ndim > 2 and one.shape[:2] == keep.shape:
            one, two = one[keep], two[keep]
        bound = 1e-5 * max(1, np.abs(two).max())
        assert_close(one, two, bound, what="output with other numbers at masked tokens")
    for key, score in scores.items():
        if score.shape[-1] == keep.shape[1]:
            last = to_numpy(score)[0][..., ~keep[0]]
            assert not last.any(), f"masked tokens have weight in {key!r} scores: {last.max()}"


def _shorter(case, layer, x, keep):
    """A sequence with its end masked gives what the shorter sequence gives."""
    if not case.single or not case.dynamic or x.ndim != 3:
        return
    kept = int(keep[0].sum())
    for one, two in zip(*_flat(layer(x, mask=keep), layer(x[:1, :kept])), strict=True):
        one, two = to_numpy(one)[:1], to_numpy(two)
        one = one[:, : two.shape[1]] if one.ndim > 2 else one
        bound = 1e-5 * max(1, np.abs(two).max())
        assert_close(one, two, bound, what="output with the end masked, against a shorter input")


def _nothing_left(layer, x, batch, tokens):
    y = layer(x, mask=np.zeros((batch, tokens), bool))
    for one in keras.tree.flatten(y):
        assert np.isfinite(to_numpy(one)).all(), "output where every token is masked"


def _flat(*nests):
    return map(keras.tree.flatten, nests)
