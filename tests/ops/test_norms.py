import numpy as np

from keras_attention.ops import norms
from tests.layers.tools import assert_close, assert_equal, random_map


def test_unit_vectors_along_any_axis():
    x = random_map((2, 3, 4))
    assert_close(norms.unit(x), x / np.linalg.norm(x, axis=-1, keepdims=True))
    assert_close(norms.unit(x, axis=1), x / np.linalg.norm(x, axis=1, keepdims=True))


def test_a_zero_vector_stays_zero():
    assert_equal(norms.unit(np.zeros((2, 3), "float32")), np.zeros((2, 3)))


def test_short_vectors_in_half_precision_have_length_one():
    """Their squares would be zero there."""
    x = np.full((1, 4), 1e-4, "float16")
    assert_close(norms.unit(x), np.full((1, 4), 0.5), 1e-3)
