"""The names inside weight files: whoever changes one breaks every published file.

`weight_names.json` holds, by registry key, the path and the shape of every weight at 256 channels;
`python -m tests.layers.test_weight_names` adds layers that are new, and changes none.
"""

import json
import math

import keras
import pytest

from keras_attention import layers
from keras_attention.layers.registry import ATTENTION
from tests.layers.tools import built, weight_shapes
from tests.page.examples import example
from tests.source import ROOT

FILE = ROOT / "tests" / "layers" / "weight_names.json"
FROZEN = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
SIDE, CHANNELS = 8, 256


def made(key, **more):
    layer = example(key).make(key, name="layer", data_format="channels_last", **more)
    with keras.StatelessScope(initialize_variables=False):
        return built(layer, example(key).inputs(SIDE, CHANNELS))


def names(layer):
    return {path: list(shape) for path, shape in weight_shapes(layer).items()}


def part(owner, name):
    """The attribute of that name; where their number varies, `gather_1` is `gather[0]`."""
    several, _, number = name.rpartition("_")
    if number.isdigit() and isinstance(getattr(owner, several, None), list):
        return getattr(owner, several)[int(number) - 1]
    return getattr(owner, name)


def test_every_layer_is_listed():
    assert list(FROZEN) == layers.list_layers()


@pytest.mark.parametrize("key", FROZEN)
def test_paths_and_attributes(key):
    layer = made(key)
    assert names(layer) == FROZEN[key]
    for path, shape in FROZEN[key].items():
        weight = layer
        for attribute in path.split("/"):
            weight = part(weight, attribute)
        assert weight.path == f"layer/{path}"
        assert math.prod(weight.shape) == math.prod(shape)


@pytest.mark.parametrize("key", FROZEN)
def test_the_blend_adds_one_name(key):
    if made(key).identity_start == "blend":
        layer = made(key, identity_init=True)
        assert names(layer) == {"identity_scale": [], **FROZEN[key]}


@pytest.mark.parametrize("key", FROZEN)
def test_the_name_of_the_class_in_saved_models(key):
    cls = ATTENTION[key]
    assert keras.saving.get_registered_name(cls) == f"keras_attention>{cls.__name__}"


def _freeze() -> None:
    known = {key: FROZEN.get(key) or names(made(key)) for key in layers.list_layers()}
    lines = [f"{json.dumps(key)}: {json.dumps(paths)}" for key, paths in known.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    _freeze()
