"""The contract of every attention layer in one call, and what tests of layers share.

`check_layer(SqueezeExcite, {"reduction": 2}, others={"hidden": 5, "gate": "tanh"})` runs every
function of `CHECKS`; each holds one promise, and its message names the one that was broken.
Maps are written channels last here and brought into a layer's layout where they meet it.
"""

import dataclasses
import functools
import json
import pathlib
import tempfile

import keras
import numpy as np
from keras import ops

from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_equal,
    built,
    constructor_arguments,
    from_layout,
    functional,
    gradients,
    must_raise,
    random_map,
    randomise,
    to_layout,
    to_numpy,
    weight_shapes,
)

# The largest difference from float32, as a share of the largest output.
POLICIES = {"mixed_bfloat16": 2e-2, "mixed_float16": 5e-3}
# No channels first in float16: TensorFlow on a CPU has no such convolution.
IDENTITY_CASES = (
    ("float32", "channels_last"),
    ("float32", "channels_first"),
    ("mixed_bfloat16", "channels_last"),
    ("mixed_float16", "channels_last"),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """What `check_layer` has to know of a gate on feature maps.

    Args:
        cls: The layer class.
        options: Arguments to make it with, such that it is small on `shape`.
        others: A value other than the default for each constructor argument whose default is
            neither a boolean nor a number (those find one by themselves).
        shape: Of the map to call it on, channels last.
        zero_gradients: Paths, without the layer's name, of weights whose gradient is zero by
            mathematics.
        idle: Arguments that change nothing beside these `options`.
        torch_float16_gradient: False for a layer with a convolution of one filter over several
            channels: torch on a CPU cannot go backward through it in float16 ("grad_weight must
            be contiguous"). The forward pass is checked all the same.
    """

    cls: type
    options: dict = dataclasses.field(default_factory=dict)
    others: dict = dataclasses.field(default_factory=dict)
    shape: tuple[int, ...] = SHAPE
    zero_gradients: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    torch_float16_gradient: bool = True

    def make(self, **more):
        return self.cls(**{**self.options, **more})

    def filled(self, **more):
        """A layer that is built, with random weights: equal ones for equal names."""
        return randomise(built(self.make(**more), self.shape))

    def model(self, layer):
        """A model from a map of any size to the output and the scores of `layer`."""
        return functional(layer, self.shape[-1])


def check_layer(*arguments, **named):
    """Assert everything that a layer promises; the arguments are those of `Case`."""
    for check in CHECKS:
        check(Case(*arguments, **named))


# What each layer promises.


def _both_data_formats(case):
    """The shape is kept, and the two formats differ by a transpose only."""
    x = random_map(case.shape)
    found = {}
    for data_format in DATA_FORMATS:
        layer = case.filled(data_format=data_format)
        y = layer(to_layout(x, data_format))
        shape = tuple(y.shape)
        kept = shape == to_layout(x, data_format).shape
        assert kept, f"output for data_format={data_format!r} has shape {shape}"
        found[data_format] = from_layout(to_numpy(y), data_format)
    what = "output for data_format='channels_first' against channels_last"
    assert_close(found["channels_first"], found["channels_last"], what=what)


def _any_size(case):
    """Height and width may be unknown; odd and even sides and a batch of one work."""
    x = random_map(case.shape)
    layer = case.make()
    model = case.model(layer)  # builds it, with the sizes unknown
    randomise(layer)
    assert_close(model(x)["y"], case.filled()(x), what="output with sizes unknown")
    for batch, height, width in ((1, 7, 9), (1, 14, 10), (3, 5, 4)):
        x = random_map((batch, height, width, case.shape[-1]))
        y = to_numpy(model(x)["y"])
        assert y.shape == x.shape and np.isfinite(y).all(), f"output at {x.shape}: {y.shape}"
    x = random_map((*case.shape[:-1], 1))
    y = to_numpy(case.make()(x))
    assert y.shape == x.shape and np.isfinite(y).all(), f"output at {x.shape}: {y.shape}"


def _training(case):
    x = random_map(case.shape)
    y = to_numpy(case.filled()(x, training=True))
    assert y.shape == x.shape and np.isfinite(y).all(), "output with training=True"


def _integer_maps(case):
    """Pixels from 0 to 255 mean the same whatever their type."""
    pixels = np.random.default_rng(3).integers(0, 256, case.shape)
    expected = case.filled()(pixels.astype("float32"))
    for dtype in ("uint8", "int32"):
        y = case.filled()(pixels.astype(dtype))
        assert_equal(y, expected, f"output for a map of {dtype}")
    layer = case.filled()
    pixel_map = keras.Input((None, None, case.shape[-1]), dtype="uint8")
    y = keras.Model(pixel_map, layer(pixel_map))(pixels.astype("uint8"))
    assert_close(y, expected, what="output for a symbolic map of uint8")


def _other_arguments(case):
    """A value that is not the default for each argument of the constructor."""
    defaults = constructor_arguments(case.cls)
    unknown = set(case.others) - set(defaults)
    assert not unknown, f"`others` has values for arguments {case.cls} does not take: {unknown}"
    numbers = {name: default for name, default in defaults.items() if name not in case.others}
    return {**{name: _another(name, numbers[name]) for name in numbers}, **case.others}


def _every_argument_matters(case):
    """Another value changes the weights, what they start from or learn, or the output."""
    plain = _behaviour(case)
    defaults = constructor_arguments(case.cls)
    for name, value in _other_arguments(case).items():
        if name in case.options and case.options[name] == value:
            value = defaults[name]
        other = _behaviour(case, **{name: value})
        same = all(np.array_equal(one, two) for one, two in zip(plain, other, strict=False))
        same = same and len(plain) == len(other)
        effect = "nothing" if same else "something"
        assert same == (name in case.idle), f"{name}={value!r} changes {effect}"


def _behaviour(case, **more):
    """Arrays that are equal for equal layers: weights before and after a step, and outputs."""
    keras.utils.set_random_seed(1)
    layer = built(case.make(**more), case.shape)
    arrays = [to_numpy(weight) for weight in layer.weights]
    x = to_layout(random_map(case.shape), layer.data_format)
    arrays += [to_numpy(randomise(layer)(x)), to_numpy(layer(x, training=True))]
    return [*arrays, *(to_numpy(weight) for weight in layer.weights)]


def _config(case):
    """Every argument comes back from `get_config` with the value it was given, as plain JSON."""
    owner, others = case.cls.__name__, _other_arguments(case)
    layer = case.cls(**others, name="other", dtype="mixed_bfloat16", trainable=False)
    config, plain = layer.get_config(), case.cls().get_config()
    for name, value in others.items():
        assert name in config, f"get_config of {owner} loses {name!r}"
        lost = config[name] == plain[name]
        assert not lost, f"get_config of {owner} holds {name}={config[name]!r}, given {value!r}"
        if isinstance(value, bool | int | float):
            assert config[name] == value, f"{name}={config[name]!r}, given {value!r}"
    assert json.loads(json.dumps(config)) == config, f"get_config of {owner} is not plain JSON"
    again = case.cls.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config, f"from_config of {owner} builds another layer"
    _assert_twins(built(layer, case.shape), built(again, case.shape), case)


def _assert_twins(layer, again, case):
    """Equal weight paths and shapes, and an equal output for equal weights."""
    assert weight_shapes(again) == weight_shapes(layer), "from_config builds other weights"
    x = to_layout(random_map(case.shape), layer.data_format)
    assert_equal(randomise(again)(x), randomise(layer)(x), "output after from_config")


def _saving(case):
    """`.keras`, `.weights.h5` and `set_weights` bring back every weight and output exactly."""
    x = random_map(case.shape)
    model = case.model(case.filled(name="saved"))
    with tempfile.TemporaryDirectory() as folder:
        whole, weights = (str(pathlib.Path(folder, name)) for name in ("m.keras", "m.weights.h5"))
        model.save(whole)
        model.save_weights(weights)
        by_file = case.model(case.make(name="saved"))
        by_file.load_weights(weights)
        by_hand = case.model(case.make(name="saved"))
        by_hand.set_weights(model.get_weights())
        found = {
            "a .keras file": keras.saving.load_model(whole),
            "a .weights.h5 file": by_file,
            "set_weights": by_hand,
        }
    for way, again in found.items():
        for old, new in zip(model.weights, again.weights, strict=True):
            assert_equal(new, old, f"weight {old.path} after {way}")
        for key, (old, new) in _pairs(model(x), again(x)):
            assert_equal(new, old, f"{key} after {way}")


def _dtype_policy(case):
    """Every sublayer computes in the layer's precision, and every weight is float32."""
    for policy in POLICIES:
        layer = case.filled(dtype=policy)
        for part in layer._flatten_layers():
            name = part.dtype_policy.name
            assert name == policy, f"sublayer {part.name!r} has dtype policy {name}, not {policy}"
        for weight in layer.weights:
            dtype = keras.backend.standardize_dtype(weight.dtype)
            assert dtype == "float32", f"weight {weight.path} is {dtype} with {policy}"


def _precision(case):
    """In half precision the output and the scores are about the same, and gradients finite."""
    x = random_map(case.shape)
    expected = to_numpy(case.filled()(x))
    for policy, tolerance in POLICIES.items():
        layer = case.filled(dtype=policy)
        y, _ = _scores_of(layer, x)
        dtype = keras.backend.standardize_dtype(y.dtype)
        assert dtype == layer.compute_dtype, f"output is {dtype} with {policy}"
        bound = tolerance * np.abs(expected).max()
        assert_close(y, expected, bound, what=f"output with {policy}")
        backend = keras.backend.backend()
        if case.torch_float16_gradient or (backend, policy) != ("torch", "mixed_float16"):
            for path, gradient in gradients(layer, x).items():
                assert np.isfinite(gradient).all(), f"gradient of {path} with {policy}"


def _gradients(case):
    """Every trainable weight learns, unless mathematics says that it cannot."""
    for more in ({}, {"identity_init": True}):
        found = gradients(case.filled(**more), random_map(case.shape))
        unknown = set(case.zero_gradients) - set(found)
        assert not unknown, f"`zero_gradients` names weights that do not exist: {unknown}"
        largest = max(np.abs(gradient).max(initial=0) for gradient in found.values())
        for path, gradient in found.items():
            assert np.isfinite(gradient).all(), f"gradient of {path} is not finite"
            zero = np.abs(gradient).max() <= 1e-6 * largest
            assert zero == (path in case.zero_gradients), (
                f"gradient of {path} is {'' if zero else 'not '}zero"
            )


def _scores(case):
    """Scores have the shape of their kind, are what is applied, and leave the output alone."""
    x = random_map(case.shape)
    for data_format in DATA_FORMATS:
        layer = case.filled(data_format=data_format)
        given = to_layout(x, data_format)
        y, scores = _scores_of(layer, given)
        assert_equal(y, layer(given), "output when scores are asked for")
        factor = np.ones(())
        for kind, score in scores:
            factor = factor * (to_numpy(score)[(..., None) if kind == "spatial" else _PER_CHANNEL])
        y = from_layout(to_numpy(y), data_format)
        assert_close(y, x * factor, what="output against the input times the scores")


_PER_CHANNEL = (slice(None), None, None)


def _scores_of(layer, x):
    """The output and the pairs (kind, scores), once their shapes and types are checked."""
    y, scores = layer(x, return_attention_scores=True)
    kinds = layer.score_kind
    if not isinstance(kinds, dict):
        kinds, scores = {"": kinds}, {"": scores}
    assert set(scores) == set(kinds), f"scores have the keys {set(scores)}, not {set(kinds)}"
    batch, height, width, channels = (x.shape[axis] for axis in (0, *layer.space, layer.channel))
    shapes = {"channel": (batch, channels), "spatial": (batch, height, width)}
    for key, kind in kinds.items():
        shape, dtype = tuple(scores[key].shape), keras.backend.standardize_dtype(scores[key].dtype)
        assert shape == shapes[kind], f"{kind} scores have shape {shape}, not {shapes[kind]}"
        assert dtype == "float32", f"{kind} scores are {dtype}, not float32"
    return y, [(kind, scores[key]) for key, kind in kinds.items()]


def _symbolic_and_compiled(case):
    """A Functional model gives the eager output and scores, also when its graph is compiled.

    Keras compiles `predict` on TensorFlow and JAX, and runs it eagerly on torch.
    """
    x = random_map(case.shape)
    layer = case.filled()
    y, scores = layer(x, return_attention_scores=True)
    expected = {"y": y, "scores": scores}
    model = case.model(layer)
    for way, found in {"symbolic": model(x), "compiled": model.predict(x, verbose=0)}.items():
        for key, (old, new) in _pairs(expected, found):
            assert_close(new, old, what=f"{way} {key}")


def _identity_init(case):
    """With the flag the output is the input, bit for bit, until one new scalar learns."""
    x = random_map(case.shape)
    for policy, data_format in IDENTITY_CASES:
        given = to_layout(x, data_format)
        layer = built(
            case.make(identity_init=True, dtype=policy, data_format=data_format), case.shape
        )
        expected = ops.cast(ops.convert_to_tensor(given), layer.compute_dtype)
        assert_equal(layer(given), expected, f"identity_init=True is not the identity: {policy}")
    layer = case.filled(identity_init=True)
    extra = weight_shapes(layer).items() - weight_shapes(case.filled()).items()
    assert extra == {("identity_scale", ())}, f"weights that identity_init=True adds: {extra}"
    layer.identity_scale.assign(1.0)
    assert_close(layer(x), case.filled()(x), what="output with identity_scale = 1")


def _weight_paths(case):
    """Built twice under one name, the weights have the same paths."""
    first, second = ([w.path for w in case.filled(name="twin").weights] for _ in range(2))
    assert first == second, f"weight paths change from {first} to {second}"
    assert all(path.startswith("twin/") for path in first), f"weight paths {first}"
    assert len(set(first)) == len(first), f"two weights share a path: {first}"


def _errors(case):
    """A mistake is a ValueError that says what was expected and what came."""
    name, channels = "mistaken", case.shape[-1]
    must_raise(
        lambda: case.make(no_such_option=1), "Unrecognized keyword arguments", "no_such_option"
    )
    must_raise(
        lambda: case.make(data_format="channels_middle"),
        "data_format must be one of",
        "Received: data_format='channels_middle'",
    )
    unknown = {"channels_last": (7, 9, None), "channels_first": (None, 7, 9)}
    for data_format in DATA_FORMATS:
        maps = [np.zeros((2, channels)), np.zeros((2, 3, 5, 5, channels))]
        for x in (*maps, keras.Input(unknown[data_format])):
            layer = case.make(name=name, data_format=data_format)
            must_raise(functools.partial(layer, x), name, "Received: input_shape=")


CHECKS = (
    _weight_paths,  # before those that give equal weights to layers by these paths
    _dtype_policy,
    _both_data_formats,
    _any_size,
    _training,
    _integer_maps,
    _scores,
    _symbolic_and_compiled,
    _identity_init,
    _every_argument_matters,
    _config,
    _saving,
    _precision,
    _gradients,
    _errors,
)


def _another(name, default):
    """A legal value that is not the default; odd numbers stay odd."""
    if name == "data_format":
        return "channels_first"
    assert isinstance(default, bool | int | float), f"`others` needs a value for {name!r}"
    if isinstance(default, bool):
        return not default
    return default + 2 if isinstance(default, int) else default / 2


def _pairs(expected, found):
    """Key by key, the entries of two nests of dictionaries."""
    expected, found = (dict(keras.tree.flatten_with_path(nest)) for nest in (expected, found))
    assert set(expected) == set(found), f"keys {set(found)} instead of {set(expected)}"
    return [("/".join(map(str, key)), (expected[key], found[key])) for key in expected]
