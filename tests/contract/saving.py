"""What a layer is made of comes back: arguments, weights and their names."""

import json
import pathlib
import tempfile

import keras
import numpy as np

from tests.contract.case import Case
from tests.contract.outputs import pairs
from tests.layers.tools import (
    assert_equal,
    built,
    constructor_arguments,
    run,
    to_numpy,
    weight_shapes,
)


def weight_paths(case):
    """Built twice under one name, the weights have the same paths."""
    first, second = ([w.path for w in case.filled(name="twin").weights] for _ in range(2))
    assert first == second, f"weight paths change from {first} to {second}"
    assert all(path.startswith("twin/") for path in first), f"weight paths {first}"
    assert len(set(first)) == len(first), f"two weights share a path: {first}"


def every_argument_matters(case):
    """Another value changes the weights, what they start from or learn, or the output.

    No argument is read by a backend's own code, so one backend tells: torch, the fastest here.
    """
    if keras.backend.backend() != "torch":
        return
    plain, known = {}, constructor_arguments(case.cls)
    for name, other in case.other_arguments().items():
        if _means_nothing(case, name):
            continue
        key = str(other.companions)
        if key not in plain:
            plain[key] = _behaviour(case, **other.companions)
        value = other.value
        given = {**case.options, **other.companions}
        if name in given and given[name] == value:
            value = known[name]
        found = _behaviour(case, **{**other.companions, name: value})
        same = len(plain[key]) == len(found)
        same = same and all(map(np.array_equal, plain[key], found))
        effect = "nothing" if same else "something"
        assert same == (name in case.idle), f"{name}={value!r} changes {effect}"


def _means_nothing(case: Case, name: str) -> bool:
    """Whether an argument of the base class has no say in this layer."""
    if name == "identity_init":
        return case.identity_start != "blend"
    return name == "data_format" and not case.has_layouts


def _behaviour(case, **more):
    """Arrays that are equal for equal layers: weights before and after a step, and outputs."""
    keras.utils.set_random_seed(1)
    layer = built(case.make(**more), case.shape)
    arrays = [to_numpy(weight) for weight in layer.weights]
    x = case.given(layer)
    arrays += map(to_numpy, keras.tree.flatten(case.fill(layer)(x, return_attention_scores=True)))
    arrays += map(to_numpy, keras.tree.flatten(layer(x, training=True)))
    return [*arrays, *(to_numpy(weight) for weight in layer.weights)]


def config(case):
    """Every argument comes back from `get_config` with the value it was given, as plain JSON."""
    others = case.other_arguments()
    for name, other in others.items():
        _check_config(case, {**case.required(), **other.companions, name: other.value}, (name,))
    together = case.together
    if together is True:
        together = {name: other.value for name, other in others.items()}
    if together is False:
        together = case.options
    base = {"name": "other", "dtype": "mixed_bfloat16", "trainable": False}
    layer = _check_config(case, {**together, **base}, ("name", "trainable"))
    _assert_twins(case, layer, case.cls.from_config(_through_json(layer.get_config())))


def _check_config(case, arguments, names):
    owner = case.cls.__name__
    layer = case.cls(**arguments)
    config, plain = layer.get_config(), case.cls(**case.required()).get_config()
    for name in names:
        value = arguments[name]
        assert name in config, f"get_config of {owner} loses {name!r}"
        lost = config[name] == plain[name] and name not in case.required()
        assert not lost, f"get_config of {owner} holds {name}={config[name]!r}, given {value!r}"
        if isinstance(value, bool | int | float):
            assert config[name] == value, f"{name}={config[name]!r}, given {value!r}"
    assert _through_json(config) == config, f"get_config of {owner} is not plain JSON"
    again = case.cls.from_config(_through_json(config))
    assert again.get_config() == config, f"from_config of {owner} builds another layer"
    return layer


def _through_json(config):
    return json.loads(json.dumps(config))


def _assert_twins(case, layer, again):
    """Equal weight paths and shapes, and an equal output for equal weights."""
    built(layer, case.shape)
    built(again, case.shape)
    assert weight_shapes(again) == weight_shapes(layer), "from_config builds other weights"
    found = [run(case.fill(one), case.given(one)) for one in (again, layer)]
    for one, two in zip(*map(keras.tree.flatten, found), strict=True):
        assert_equal(one, two, "output after from_config")


def saving(case):
    """`.keras`, `.weights.h5` and `set_weights` bring back every weight and output exactly."""
    x = case.inputs()
    model = case.model(case.filled(name="saved", data_format="channels_last"))
    fresh = {"name": "saved", "data_format": "channels_last"}
    with tempfile.TemporaryDirectory() as folder:
        whole, weights = (str(pathlib.Path(folder, name)) for name in ("m.keras", "m.weights.h5"))
        model.save(whole)
        model.save_weights(weights)
        by_file = case.model(case.make(**fresh))
        by_file.load_weights(weights)
        by_hand = case.model(case.make(**fresh))
        by_hand.set_weights(model.get_weights())
        found = {
            "a .keras file": keras.saving.load_model(whole),
            "a .weights.h5 file": by_file,
            "set_weights": by_hand,
        }
    expected = model(x)
    for way, again in found.items():
        for old, new in zip(model.weights, again.weights, strict=True):
            assert_equal(new, old, f"weight {old.path} after {way}")
        for key, (old, new) in pairs(expected, again(x)):
            assert_equal(new, old, f"{key} after {way}")
