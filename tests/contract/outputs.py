"""The output: its shape, any layout, size and type of input, compiled or not, in any precision."""

import zlib

import keras
import numpy as np

from tests import record
from tests.contract.case import finite, shapes_of
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    built,
    from_layout,
    gradients,
    run,
    shape_in_layout,
    to_layout,
    to_numpy,
)

# The largest difference from float32, as a share of the largest output.
POLICIES = {"mixed_bfloat16": 2e-2, "mixed_float16": 5e-3}


def both_data_formats(case):
    """The output has the shape it should, and the two formats differ by a transpose only."""
    found = {}
    for data_format in DATA_FORMATS:
        layer = case.filled(data_format=data_format)
        y = run(layer, case.given(layer))
        wanted = shape_in_layout(case.output_shape(), data_format)
        shape = shapes_of(y)
        assert shape == wanted, f"output for data_format={data_format!r} has shape {shape}"
        flat = [from_layout(to_numpy(one), data_format) for one in keras.tree.flatten(y)]
        found[data_format] = flat
    first, last = found["channels_first"], found["channels_last"]
    what = "output for data_format='channels_first' against channels_last"
    for one, two in zip(first, last, strict=True):
        assert_close(one, two, 1e-5 * max(1, np.abs(two).max()), what=what)
    # Two cases of one class differ in options, shape or what they are fed.
    told = repr((sorted(case.options.items(), key=str), case.shape, case.feed is None))
    name = f"{case.cls.__name__}-{zlib.crc32(told.encode()):08x}"
    record.output(name, np.concatenate([one.ravel() for one in last]))


def square_of_channels(case):
    """The two formats agree on a map that is as wide as it has channels, too.

    On TensorFlow, Keras 3.15 takes such a width for the channels when it adds a bias.
    """
    if keras.backend.backend() != "tensorflow" or not case.single or len(case.first) != 4:
        return
    shape = (1, 6, case.first[-1], case.first[-1])
    x, found = case.inputs(shape=shape), []
    for data_format in DATA_FORMATS:
        layer = case.fill(built(case.make(data_format=data_format), shape))
        found.append(from_layout(to_numpy(layer(to_layout(x, data_format))), data_format))
    bound = 1e-5 * max(1, np.abs(found[0]).max())
    assert_close(*found, bound, what="output of a map as wide as it has channels")


def any_size(case):
    """Sizes may be unknown; odd and even sides, a batch of one and a single channel work."""
    if case.dynamic:
        layer = case.make()
        model = case.model(layer, scores=case.dynamic_scores)  # builds it, with the sizes unknown
        case.fill(layer)
        _close(run(model, case.inputs())["y"], case.plain, "output with sizes unknown")
    for shape in case.more_shapes():
        x = case.inputs(shape=shape)
        y = run(model, x)["y"] if case.dynamic else run(built(case.make(), shape), x)
        _check_one_size(case, y, shape)
    if case.single and case.one_channel:
        shape = (*case.first[:-1], 1)
        layer = built(case.make(**dict.fromkeys(case.reductions, 1)), shape)
        _check_one_size(case, run(layer, case.inputs(shape=shape)), shape)


def _check_one_size(case, y, shape):
    wanted = case.output_shape(shape)
    assert shapes_of(y) == wanted, f"output at {shape} has shape {shapes_of(y)}, not {wanted}"
    assert finite(y), f"output at {shape} is not finite"


def _close(found, expected, what):
    pairs = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    for one, two in pairs:
        assert_close(one, two, 1e-5 * max(1, np.abs(to_numpy(two)).max()), what=what)


def training(case):
    y = run(case.filled(), case.inputs(), training=True)
    good = shapes_of(y) == case.output_shape() and finite(y)
    assert good, "output with training=True"


def integer_maps(case):
    """Pixels from 0 to 255 mean the same whatever their type."""
    if not case.single or len(case.first) < 4 or not case.is_gate:
        return
    pixels = np.random.default_rng(3).integers(0, 256, case.shape)
    expected = case.filled()(pixels.astype("float32"))
    for dtype in ("uint8", "int32"):
        y = case.filled()(pixels.astype(dtype))
        assert_equal(y, expected, f"output for a map of {dtype}")
    layer = case.filled()
    pixel_map = keras.Input(case.shape[1:], dtype="uint8")
    y = keras.Model(pixel_map, layer(pixel_map))(pixels.astype("uint8"))
    _close(y, expected, "output for a symbolic map of uint8")


def symbolic_and_compiled(case):
    """A Functional model gives the eager output and scores, also when its graph is compiled.

    Keras compiles `predict` on TensorFlow and JAX, and runs it eagerly on torch.
    """
    layer = case.filled()
    x = case.given(layer)
    y, scores = layer(x, return_attention_scores=True)
    expected = {"y": y, "scores": scores}
    model = case.model(layer)
    for way, found in {"symbolic": model(x), "compiled": model.predict(x, verbose=0)}.items():
        for key, (old, new) in pairs(expected, found):
            bound = 1e-5 * max(1, np.abs(to_numpy(old)).max())
            assert_close(new, old, bound, what=f"{way} {key}")


def dtype_policy(case):
    """Every sublayer computes in the layer's precision, and every weight is float32."""
    for policy in POLICIES:
        layer = case.filled(dtype=policy)
        for part in layer._flatten_layers():
            name = part.dtype_policy.name
            assert name == policy, f"sublayer {part.name!r} has dtype policy {name}, not {policy}"
        for weight in layer.trainable_variables:
            dtype = keras.backend.standardize_dtype(weight.dtype)
            assert dtype == "float32", f"weight {weight.path} is {dtype} with {policy}"


def precision(case):
    """In half precision the output is about the same, and scores are float32; gradients finite."""
    x = case.inputs()
    for policy, tolerance in POLICIES.items():
        layer = case.filled(dtype=policy)
        y, scores = run(layer, x, return_attention_scores=True)
        for one, two in zip(keras.tree.flatten(y), case.plain, strict=True):
            dtype = keras.backend.standardize_dtype(one.dtype)
            assert dtype == layer.compute_dtype, f"output is {dtype} with {policy}"
            assert_close(one, two, tolerance * np.abs(two).max(), what=f"output with {policy}")
        for score in keras.tree.flatten(scores):
            dtype = keras.backend.standardize_dtype(score.dtype)
            assert dtype == "float32", f"scores are {dtype} with {policy}"
        backend = keras.backend.backend()
        if case.torch_float16_gradient or (backend, policy) != ("torch", "mixed_float16"):
            for path, gradient in gradients(layer, x).items():
                assert np.isfinite(gradient).all(), f"gradient of {path} with {policy}"


def pairs(expected, found):
    """Key by key, the entries of two nests."""
    expected, found = (dict(keras.tree.flatten_with_path(nest)) for nest in (expected, found))
    assert set(expected) == set(found), f"keys {set(found)} instead of {set(expected)}"
    return [("/".join(map(str, key)), (expected[key], found[key])) for key in expected]
