"""Maps, weights, gradients and comparisons, for tests of layers on any backend.

Arrays are NumPy's and maps are channels last, until `to_layout` brings them into a layer's layout.
"""

import inspect
import itertools
import zlib

import keras
import numpy as np
from keras import ops

SHAPE = (2, 7, 9, 8)  # odd sides, and no two axes of one length
DATA_FORMATS = ("channels_last", "channels_first")


def random_map(shape=SHAPE, seed=0):
    """Normal numbers around another mean in each channel, so that channels can be told apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) + rng.normal(size=(shape[0], 1, 1, shape[-1]))
    return x.astype("float32")


def to_layout(x, data_format):
    """A channels-last map in the layout of `data_format`."""
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def from_layout(x, data_format):
    """The inverse of `to_layout`."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def to_numpy(x):
    """Any tensor as float32; bfloat16 is no type of NumPy's own."""
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
    """The layer with weights for a channels-last `shape`."""
    batch, *sides, channels = shape
    first = layer.data_format == "channels_first"
    layer.build((batch, channels, *sides) if first else shape)
    return layer


def functional(layer, channels):
    """A model from a map of any size to the layer's output and scores."""
    sides = [None, None]
    first = layer.data_format == "channels_first"
    x = keras.Input((channels, *sides) if first else (*sides, channels))
    both = layer(x, return_attention_scores=True)
    assert isinstance(both, tuple), "a symbolic call gives no scores"
    y, scores = both
    return keras.Model(x, {"y": y, "scores": scores})


def own_path(layer, weight):
    """The path of a weight without the layer's name: equal in all layers of a class."""
    return weight.path.removeprefix(f"{layer.name}/")


def weight_shapes(layer):
    return {own_path(layer, weight): tuple(weight.shape) for weight in layer.weights}


def weight_values(layer):
    """The weights in float64, for an oracle."""
    return {own_path(layer, weight): to_numpy(weight).astype("float64") for weight in layer.weights}


def randomise(layer, seed=0):
    """Replace every weight by random numbers that depend on its path only, and return the layer."""
    for weight in layer.weights:
        path = own_path(layer, weight)
        rng = np.random.default_rng([seed, zlib.crc32(path.encode())])
        if path.endswith("variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            weight.assign(rng.normal(0, 0.5, weight.shape))
    return layer


def gradients(layer, x):
    """The gradient of a weighted sum of the output in training mode, per trainable weight's path.

    The sum has random weights, since that of what a batch normalisation returns is constant.
    """
    take = {"tensorflow": _by_tape, "jax": _by_grad, "torch": _by_backward}
    found = take[keras.backend.backend()](layer, ops.convert_to_tensor(x))
    return {
        own_path(layer, weight): np.zeros(weight.shape) if one is None else to_numpy(one)
        for weight, one in zip(layer.trainable_variables, found, strict=True)
    }


def _loss(y):
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

    return jax.grad(loss)([weight.value for weight in variables])


def _by_backward(layer, x):
    import torch

    weights = [weight.value for weight in layer.trainable_variables]
    return torch.autograd.grad(_loss(layer(x, training=True)), weights, allow_unused=True)


def assert_matches(layer, oracle, shape=SHAPE, tolerance=1e-5):
    """With random weights, output and scores are those of `oracle(x, weights)`."""
    x = random_map(shape)
    randomise(built(layer, shape))
    expected, scores = oracle(x.astype("float64"), weight_values(layer))
    assert np.abs(expected - x / 2).max() > 0.1, "a map that is halved shows nothing"
    y, found = layer(to_layout(x, layer.data_format), return_attention_scores=True)
    assert_close(from_layout(to_numpy(y), layer.data_format), expected, tolerance)
    if not isinstance(scores, dict):
        scores, found = {"scores": scores}, {"scores": found}
    assert set(found) == set(scores)
    for key, score in scores.items():
        assert_close(found[key], score, tolerance, what=f"{key} scores")


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
