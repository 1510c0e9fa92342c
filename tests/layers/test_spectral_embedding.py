"""The normalised embedding is the normalised dense layer of a one-hot vector."""

import keras
import numpy as np
import pytest

from keras_attention.layers.spectral_norm import SpectralDense, SpectralEmbedding
from tests.layers.tools import assert_close, gradients, to_numpy

LABELS = np.array([3, 0, 3, 6], "int32")


def pair(**options):
    keras.utils.set_random_seed(0)
    embedding, dense = SpectralEmbedding(7, 5, **options), SpectralDense(5, use_bias=False)
    embedding.build((None,))
    dense.build((None, 7))
    dense.set_weights(embedding.get_weights())
    return embedding, dense


def test_values_gradients_and_vector():
    embedding, dense = pair()
    one_hot = np.eye(7, dtype="float32")[LABELS]
    for training in (False, True):
        assert_close(embedding(LABELS, training=training), dense(one_hot, training=training), 1e-6)
        assert_close(embedding.u, dense.u, 1e-6)
    found, expected = gradients(embedding, LABELS)["kernel"], gradients(dense, one_hot)["kernel"]
    assert np.abs(expected).max() > 0.1
    assert_close(found, expected)


def test_a_label_that_is_none_gives_no_number():
    embedding, _ = pair()
    found = to_numpy(embedding(np.array([-1, 6, 7], "int32")))
    assert np.isnan(found[[0, 2]]).all() and np.isfinite(found[1]).all()


def test_half_precision():
    embedding, dense = pair(dtype="mixed_bfloat16")
    y = embedding(LABELS)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert_close(y, dense(np.eye(7, dtype="float32")[LABELS]), 1e-2)


def test_config_and_file(tmp_path):
    layer = SpectralEmbedding(7, 5, kernel_initializer="orthogonal", name="embedding")
    assert SpectralEmbedding.from_config(layer.get_config()).get_config() == layer.get_config()
    label = keras.Input((), dtype="int32")
    model = keras.Model(label, layer(label))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(to_numpy(loaded(LABELS)), to_numpy(model(LABELS)))


def test_rejects_no_classes():
    message = "SpectralEmbedding: num_classes must be an integer >= 1. Received: num_classes=0"
    with pytest.raises(ValueError, match=message):
        SpectralEmbedding(0, 5)
