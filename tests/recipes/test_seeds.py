"""Where random numbers start."""

import random

import keras
import numpy as np
import pytest

from recipes.engine import seeds


def drawn():
    """What a network draws: a first weight, a mask of dropout, and what Python and NumPy do."""
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    kept = keras.layers.Dropout(0.5)(np.ones((2, 8), "float32"), training=True)
    arrays = [keras.ops.convert_to_numpy(layer.kernel), keras.ops.convert_to_numpy(kept)]
    return [*arrays, random.random(), np.random.random(3)]


def test_draws_are_those_of_keras():
    found = []
    for start in (seeds.start, keras.utils.set_random_seed, seeds.start):
        start(5)
        found.append(drawn())
    seeds.start(6)
    for one, two, three, other in zip(*found, drawn(), strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
        assert not np.array_equal(one, other)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="without TensorFlow")
def test_tensorflow_is_left_alone(monkeypatch):
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda _: pytest.fail("imports TensorFlow"))
    seeds.start(5)
