"""What the tests of the recipes do without."""

import keras
import pytest

from recipes.engine import macs


@pytest.fixture(autouse=True)
def uncounted(request, monkeypatch):
    """No multiply-adds, but where a test is of them: torch counts, in a process of its own.

    On another backend that is seconds for each run.
    """
    if keras.backend.backend() != "torch" and "counted" not in request.fixturenames:
        monkeypatch.setattr(macs, "of_recipe", lambda *_: None)


@pytest.fixture
def counted():
    """For a test that asks for multiply-adds."""
