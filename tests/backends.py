"""Which tests ask one backend alone, and why."""

from collections.abc import Iterable

import keras
import pytest

ON_TORCH = keras.backend.backend() == "torch"

on_torch_alone = pytest.mark.skipif(
    not ON_TORCH, reason="no backend has a part in it: asked of one"
)
_elsewhere = pytest.mark.skipif(
    not ON_TORCH,
    reason="its layers are tested on each backend; `make parity` asks it of this one, for hours",
)


def cases(every: Iterable, *everywhere: str) -> list:
    """For `parametrize`: torch is asked `every` architecture, the others those `everywhere`.

    A case is an architecture, or a tuple that begins with one.
    """
    found = []
    for case in every:
        values = case if isinstance(case, tuple) else (case,)
        marks = () if values[0] in everywhere else _elsewhere
        found.append(pytest.param(*values, marks=marks))
    left = set(everywhere) - {param.values[0] for param in found}
    assert not left, f"No case is of {left}"
    return found
