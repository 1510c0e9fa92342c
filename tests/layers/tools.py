"""Inputs, weights, gradients and comparisons, for tests of layers on any backend.

Arrays are NumPy's and channels last, until `to_layout` brings them into a layer's layout. Where a
layer takes several inputs, they and their shapes are lists.
"""

import inspect
import itertools
import zlib

import keras
import numpy as np
from keras import ops

from tests import record

SHAPE = (2, 7, 9, 8)  # odd sides, and no two axes of one length
DATA_FORMATS = ("channels_last", "channels_first")


def random_map(shape=SHAPE, seed=0):
    """Normal numbers around another mean in each channel, so that channels can be told apart."""
    rng = np.random.default_rng(seed)
    means = (shape[0], *[1] * (len(shape) - 2), shape[-1])
    x = rng.normal(size=shape) + rng.normal(size=means)
    return x.astype("float32")


def random_inputs(shape=SHAPE, seed=0):
    """A random array for a shape, a list of them for a list of shapes."""
    if isinstance(shape, list):
        return [random_map(one, seed + index) for index, one in enumerate(shape)]
    return random_map(shape, seed)


def to_layout(x, data_format):
    """Channels-last maps and videos in the layout of `data_format`; tokens stay as they are."""
    if isinstance(x, list):
        return [to_layout(one, data_format) for one in x]
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" and x.ndim > 3 else x


def from_layout(x, data_format):
    """The inverse of `to_layout`."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" and x.ndim > 3 else x


def shape_in_layout(shape, data_format):
    """The channels-last `shape` of a map or a video as it is in `data_format`."""
    if isinstance(shape, list):
        return [shape_in_layout(one, data_format) for one in shape]
    if data_format == "channels_first" and len(shape) > 3:
        return (shape[0], shape[-1], *shape[1:-1])
    return tuple(shape)


def to_numpy(x):
    """Any tensor as float32; bfloat16 is no type of NumPy's own."""
    if isinstance(x, np.ndarray):
        return x.astype("float32")
    return ops.convert_to_numpy(ops.cast(x, "float32"))


def assert_close(actual, expected, tolerance=1e-5, what="output"):
    """The largest difference is at most `tolerance`, in the units of `expected`."""
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    error = np.abs(actual - expected).max()
    assert error <= tolerance, f"{what} differs by {error:.3g}, more than {tolerance:.3g}"


def assert_equal(actual, expected, what="output"):
    """Equal to the last bit."""
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert np.array_equal(actual, expected), (
        f"{what} differs: by up to {np.abs(actual - expected).max():.3g}"
        if actual.shape == expected.shape
        else f"{what} differs: {actual.shape} is not {expected.shape}"
    )


def built(layer, shape=SHAPE):
    """The layer with weights for a channels-last `shape`, or a list of them."""
    layer.build(shape_in_layout(shape, layer.data_format))
    return layer


def functional(layer, shape=SHAPE, sizes_known=False, scores=True):
    """A model from inputs of any size, or of the sizes of `shape`, to output and scores."""

    def placeholder(one):
        known = one[1:] if sizes_known else (*[None] * (len(one) - 2), one[-1])
        return keras.Input(shape_in_layout((None, *known), layer.data_format)[1:])

    x = [placeholder(one) for one in shape] if isinstance(shape, list) else placeholder(shape)
    if not scores:
        return keras.Model(x, {"y": layer(x)})
    both = layer(x, return_attention_scores=True)
    assert isinstance(both, tuple), "a symbolic call gives no scores"
    return keras.Model(x, dict(zip(("y", "scores"), both, strict=True)))


def own_path(layer, weight):
    """The path of a weight without the layer's name: equal in all layers of a class."""
    return weight.path.removeprefix(f"{layer.name}/")


def weight_shapes(layer):
    return {own_path(layer, weight): tuple(weight.shape) for weight in layer.weights}


def weight_values(layer):
    """The weights in float64, for an oracle."""
    return {own_path(layer, weight): to_numpy(weight).astype("float64") for weight in layer.weights}


def randomise(layer, seed=0, scale=0.5):
    """Replace every weight by random numbers that depend on its path only, and return the layer.

    The state of random generators stays, since it is no weight of the mechanism.
    """
    for weight in layer.weights:
        path = own_path(layer, weight)
        if "seed" in path:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(path.encode())])
        if path.endswith("variance"):
            values = rng.uniform(0.5, 1.5, weight.shape)
        else:
            values = rng.normal(0, scale, weight.shape)
        weight.assign(np.float32(values))  # JAX compiles a cast for each shape
    return layer


def run(layer, x, **call):
    """`layer(x, **call)`; on JAX in one compilation, since each operation alone would be one."""
    if keras.backend.backend() != "jax" or not layer.built:
        return layer(x, **call)
    import jax

    variables = layer.variables

    def function(values, x):
        with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)) as scope:
            y = layer(x, **call)
        return y, [scope.get_current_value(variable) for variable in variables]

    y, values = jax.jit(function)([variable.value for variable in variables], x)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return y


def gradients(layer, x):
    """The gradient of a weighted sum of the output in training mode, per trainable weight's path.

    The sum has random weights, since that of what a batch normalisation returns is constant.
    """
    take = {"tensorflow": _by_tape, "jax": _by_grad, "torch": _by_backward}
    x = keras.tree.map_structure(ops.convert_to_tensor, x)
    found = take[keras.backend.backend()](layer, x)
    return {
        own_path(layer, weight): np.zeros(weight.shape) if one is None else to_numpy(one)
        for weight, one in zip(layer.trainable_variables, found, strict=True)
    }


def _loss(y):
    y = keras.tree.flatten(y)[0]
    factors = np.random.default_rng(1).normal(size=y.shape).astype("float32")
    return ops.sum(ops.cast(y, "float32") * ops.convert_to_tensor(factors))


def _by_tape(layer, x):
    import tensorflow as tf

    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        loss = _loss(layer(x, training=True))
    return tape.gradient(loss, weights)


def _by_grad(layer, x):
    import jax

    variables = layer.trainable_variables

    def loss(weights):
        with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
            return _loss(layer(x, training=True))

    return jax.jit(jax.grad(loss))([weight.value for weight in variables]) if variables else []


def _by_backward(layer, x):
    import torch

    weights = [weight.value for weight in layer.trainable_variables]
    loss = _loss(layer(x, training=True))
    return torch.autograd.grad(loss, weights, allow_unused=True) if weights else []


def assert_matches(layer, oracle, shape=SHAPE, tolerance=1e-5, x=None, scale=0.5):
    """With random weights, output and scores are those of `oracle(x, weights)`.

    Errors are measured against the largest value, and the worst is recorded for the layers' page.
    `x` is for inputs where random normal numbers will not do; `scale` is of the random weights.
    """
    x = random_inputs(shape) if x is None else x
    randomise(built(layer, shape), scale=scale)
    exact = keras.tree.map_structure(lambda one: np.asarray(one, "float64"), x)
    expected, scores = oracle(exact, weight_values(layer))
    y, found = run(layer, to_layout(x, layer.data_format), return_attention_scores=True)
    plain = isinstance(x, np.ndarray) and not isinstance(expected, list | tuple | dict)
    if plain and expected.shape == x.shape:
        assert np.abs(expected - x / 2).max() > 0.1, "a map that is halved shows nothing"
    _compare(layer, y, expected, "NumPy", tolerance)
    if not isinstance(scores, dict):
        scores, found = {"scores": scores}, {"scores": found}
    assert set(found) == set(scores)
    for key, score in scores.items():
        bound = tolerance * max(1, np.abs(score).max())
        assert_close(found[key], score, bound, what=f"{key} scores")


def assert_library(layer, x, expected, library, tolerance=1e-5):
    """On channels-last inputs the output is `expected`, which the named library computed."""
    y = run(layer, to_layout(x, layer.data_format))
    _compare(layer, y, expected, library, tolerance)


def _compare(layer, y, expected, oracle, tolerance):
    pairs = zip(keras.tree.flatten(y), keras.tree.flatten(expected), strict=True)
    for found, wanted in pairs:
        found = from_layout(to_numpy(found), layer.data_format)
        assert found.shape == wanted.shape, f"output: {found.shape} is not {wanted.shape}"
        error = np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30)
        assert error <= tolerance, f"output differs from {oracle} by {error:.3g} of its largest"
        record.error(type(layer).__name__, oracle, float(error))


def constructor_arguments(cls):
    """The arguments of a class and of its bases below Keras's, with their defaults."""
    found = {}
    ours = itertools.takewhile(lambda base: base is not keras.layers.Layer, cls.__mro__)
    for base in reversed(list(ours)):
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()
            found |= {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
    found.pop("self")
    return found


def must_raise(act, *words):
    """`act` raises a ValueError whose message has the words."""
    try:
        act()
    except Exception as error:
        assert isinstance(error, ValueError), f"no ValueError with {words} but {error!r}"
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"the error lacks {missing}: {error}"
    else:
        raise AssertionError(f"no ValueError with {words}")
