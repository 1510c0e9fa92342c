"""Small nets for the tests of models."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_attention import models
from tests.layers.tools import run


def small(attention="cbam", **options):
    """A ResNet-18 that builds fast: images of 8x8, three classes, 16 channels at first."""
    defaults = {"num_classes": 3, "input_shape": (8, 8, 3), "width": 16, "stem": "small"}
    return models.build("resnet18", attention, **{**defaults, **options})


def pixels(shape=(2, 8, 8, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def outputs(model, x):
    """What `model` makes of `x`; on JAX in one compilation, since each operation alone would be."""
    return keras.tree.map_structure(ops.convert_to_numpy, run(model, x, training=False))


def outline(*arguments, **options):
    """`models.build` without values for the weights, to look at how a model is put together."""
    with without_memory():
        return models.build(*arguments, **options)


def carry_weights(source, target) -> None:
    """Give `target` the weights of `source` by their paths, of which both have the same."""
    values = {weight.path: weight.value for weight in source.weights}
    assert values.keys() == {weight.path for weight in target.weights}
    for weight in target.weights:
        weight.assign(values[weight.path])


@contextlib.contextmanager
def without_memory():
    """Models built here have weights with shapes but no values, so even large ones are cheap."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session(free_memory=False)  # Keras would give them values later
