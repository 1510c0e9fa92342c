"""Inception Scores and distances, with a small stand-in for the network and no download."""

import keras
import numpy as np
import pytest

from keras_attention import metrics, zoo

SIDE = 12


def photos(count=20, side=SIDE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), "uint8")


def stand_in(weights):
    """What `keras.applications.InceptionV3` gives, but small: 4 features, 5 classes."""
    assert weights == "imagenet"
    assert keras.config.image_data_format() == "channels_last"
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="predictions")(x))


@pytest.fixture(scope="module")
def net():
    """A stand-in in the place of Keras's network."""
    return zoo.inception(application=stand_in)


def test_features_and_probabilities_of_images_in_minus_one_to_one(net):
    model = stand_in("imagenet")
    features, probabilities = net(photos(), batch_size=8)
    assert features.shape == (20, 4)
    expected = keras.ops.convert_to_numpy(model((photos() / 127.5 - 1).astype("float32")))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_settings_of_keras_are_as_before():
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("mixed_bfloat16")
    found = zoo.inception(application=stand_in)
    assert found.model.dtype_policy.name == "float32"
    assert keras.config.image_data_format() == "channels_first"
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_scores_name_graph_counts_reference_and_resizing(net):
    generated, real = photos(20), photos(30, seed=1)
    found = zoo.fid(generated, real, net, "dots, test")
    direct = metrics.frechet_distance(net(real)[0], net(generated)[0])
    assert found.value == pytest.approx(direct.value, rel=1e-6)
    assert (found.metric, found.generated, found.real) == ("FD-inception_v3_keras", 20, 30)
    assert found.reference == "dots, test"
    assert found.protocol.startswith("inception_v3_keras, 12 pixels, bilinear as in TensorFlow 1")
    score = zoo.inception_score(generated, net, splits=2)
    assert score.value == metrics.inception_score(net(generated)[1], splits=2).value
    assert (score.metric, score.real) == ("IS-inception_v3_keras", 0)
    assert "2 splits" in score.protocol


def test_only_the_graph_of_2015_gives_an_fid(net, monkeypatch):
    original = zoo.Inception("inception_2015", net.model, net.side)
    assert zoo.fid(photos(), photos(seed=1), original, "dots").metric == "FID-20"
    assert zoo.inception_score(photos(), original).metric == "IS"
    monkeypatch.setattr("keras_attention.zoo.inceptions.CANONICAL", 20)
    assert zoo.fid(photos(), photos(seed=1), original, "dots").metric == "FID"
    assert zoo.fid(photos(), photos(seed=1), net, "dots").metric == "FD-inception_v3_keras"


def test_weights_that_cannot_be_had():
    def offline(weights):
        raise Exception("URL fetch failure on https://example.invalid: None -- no route")

    with pytest.raises(
        zoo.OfflineError, match="cannot be had.*folder models of.*URL fetch failure"
    ):
        zoo.inception(application=offline)
    with pytest.raises(FileNotFoundError, match="Received: weights='imagenett'; .*'imagenet'"):
        zoo.inception("imagenett")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8, 1), "uint8"), r"takes RGB: .*Received: images of shape \(2, 8, 8, 1\)"),
        (np.zeros((0, 8, 8, 3), "uint8"), r"Received: shape \(0, 8, 8, 3\)"),
        (np.full((2, 8, 8, 3), -0.5), "lies in -1..1. Received: -0.5"),
    ],
)
def test_wrong_images(net, images, message):
    with pytest.raises(zoo.ImageError, match=message):
        zoo.fid(images, photos(), net, "dots")
    with pytest.raises(zoo.ImageError, match=message):
        zoo.inception_score(images, net)


def test_a_reference_is_asked_for(net):
    with pytest.raises(ValueError, match="Received: reference=''"):
        zoo.fid(photos(), photos(), net, "")
