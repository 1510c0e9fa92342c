"""The scores: their shape, type and meaning."""

import keras
import numpy as np

from tests.contract.case import scores_of
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    from_layout,
    to_numpy,
)


def scores(case):
    """Scores have the shape of their kind, are what is applied, and leave the output alone."""
    for data_format in DATA_FORMATS if case.has_layouts else DATA_FORMATS[:1]:
        layer = case.filled(data_format=data_format)
        x = case.given(layer)
        y, found = scores_of(layer, x)
        if data_format == "channels_last":
            plain = keras.tree.flatten(layer(x))
            for one, two in zip(keras.tree.flatten(y), plain, strict=True):
                assert_equal(one, two, "output when scores are asked for")
        _check_kinds(layer, found)
        _check_shapes(case, layer, found)
        for key in case.rows:
            rows = to_numpy(found[key]).sum(axis=-1)
            assert_close(rows, np.ones_like(rows), what=f"sums of the rows of {key!r} scores")
        if case.is_gate:
            _check_gate(case, layer, y, found)


def _check_kinds(layer, found):
    kinds = layer.score_kind if isinstance(layer.score_kind, dict) else {"": layer.score_kind}
    known = {"channel", "pairwise", "pool", "spatial", "temporal"}
    assert set(kinds.values()) <= known, f"score_kind is {layer.score_kind}"
    assert set(found) == set(kinds), f"scores have the keys {set(found)}, not {set(kinds)}"


def _check_shapes(case, layer, found):
    for key, wanted in case.score_shapes(layer).items():
        shape = tuple(found[key].shape)
        dtype = keras.backend.standardize_dtype(found[key].dtype)
        assert shape == wanted, f"scores {key!r} have shape {shape}, not {wanted}"
        assert dtype == "float32", f"scores {key!r} are {dtype}, not float32"


def _check_gate(case, layer, y, found):
    x = case.inputs()
    kinds = layer.score_kind if isinstance(layer.score_kind, dict) else {"": layer.score_kind}
    factor = np.ones(())
    for key, kind in kinds.items():
        score = to_numpy(found[key])
        sides = (None,) * (x.ndim - 2)
        factor = factor * (score[..., None] if kind == "spatial" else score[:, *sides, :])
    y = from_layout(to_numpy(y), layer.data_format)
    bound = 1e-5 * max(1, np.abs(x).max())
    assert_close(y, x * factor, bound, what="output against the input times the scores")
