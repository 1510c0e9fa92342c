"""`docs/layers.md` is what the code and the last record say."""

import json

import keras
import pytest

from keras_attention import layers
from tests.page import measure, render
from tests.page.__main__ import DATA, PAGE

FOUND = json.loads(DATA.read_text("utf-8"))
REMEDY = "run `make docs`"


def test_the_page_is_not_stale():
    assert PAGE.read_text("utf-8") == render.page(FOUND), REMEDY


def test_every_layer_is_listed():
    assert sorted(FOUND) == layers.list_layers(), REMEDY


@pytest.mark.parametrize("key", layers.list_layers())
def test_parameters(key):
    assert FOUND[key]["parameters"] == measure.parameters(key), REMEDY


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch counts multiplications")
@pytest.mark.parametrize("key", layers.list_layers())
def test_multiplications(key):
    found = measure.multiplications(key, measure.SIDES[0])
    assert FOUND[key]["macs"][str(measure.SIDES[0])] == found, REMEDY


@pytest.mark.parametrize("key", layers.list_layers())
def test_every_layer_has_an_oracle_and_holds_on_every_backend(key):
    found = FOUND[key]
    assert "NumPy" in found["oracles"]
    assert max(found["oracles"].values()) <= 1e-4
    assert found["backends"] == ["jax", "tensorflow", "torch"]
    assert set(found["export"]) == {"litert", "onnx"}


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (3.1e-7, "4e-07"), (9.5e-7, "1e-06"), (2e-6, "2e-06")]
)
def test_errors_are_rounded_up(value, text):
    assert render.upper(value) == text


@pytest.mark.parametrize("number, text", [(12, "12"), (1234, "1.2 k"), (56_700_000, "57 M")])
def test_numbers_are_short(number, text):
    assert render._short(number) == text
