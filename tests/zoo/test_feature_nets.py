"""The features of a net are those before its classifier, of images prepared as it says."""

import keras
import numpy as np
import pytest

from keras_attention import models, zoo

NET = "resnet18w16_cifar10"


def photos(count=5, rows=32, columns=32, channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, rows, columns, channels), "uint8")


@pytest.fixture(scope="module")
def net():
    """A published classifier."""
    return zoo.load(NET)


def small(shape=(16, 16, 3), **options):
    keras.utils.set_random_seed(0)
    return models.build("resnet20", width=4, num_classes=3, input_shape=shape, **options)


def test_the_classifier_makes_its_logits_of_them(net):
    found = zoo.features(net, photos())
    assert found.shape == (5, 128)
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in net.get_layer("logits").weights)
    logits = keras.ops.convert_to_numpy(net(photos().astype("float32"), training=False))
    np.testing.assert_allclose(found @ kernel + bias, logits, rtol=1e-3, atol=1e-3)


def test_a_name_is_enough(net):
    np.testing.assert_allclose(zoo.features(NET, photos(2)), zoo.features(net, photos(2)), 1e-5)


def test_the_size_of_the_batches_changes_nothing(net):
    expected = zoo.features(net, photos())
    found = zoo.features(net, photos(), batch_size=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_floats_are_rounded_as_a_file_would(net):
    exact = photos().astype("float64")
    expected = zoo.features(net, photos())
    np.testing.assert_array_equal(zoo.features(net, np.clip(exact + 0.3, 0, 255)), expected)


@pytest.mark.parametrize(
    ("data_format", "size"),
    [("channels_last", (16, 16)), ("channels_last", (30, 24)), ("channels_first", (30, 24))],
)
def test_images_are_resized_and_cropped_as_the_net_says(data_format, size):
    """Also those of the net's own size, of which it sees the middle."""
    keras.config.set_image_data_format(data_format)
    if data_format == "channels_first" and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow convolves channels first on other devices only")
    shape = (16, 16, 3) if data_format == "channels_last" else (3, 16, 16)
    model = small(shape, crop=0.8, interpolation="bilinear")
    images = photos(3, *size)
    ready = np.stack([zoo.preprocess(model, image) for image in images])
    body = keras.Model(model.input, model.get_layer("pool").output)
    expected = keras.ops.convert_to_numpy(body(ready.astype("float32"), training=False))
    np.testing.assert_allclose(zoo.features(model, images), expected, rtol=1e-4, atol=1e-5)


def test_grey_images_and_nets_that_give_vectors():
    model = small((16, 16, 1), mean=(0.5,), std=(0.25,))
    images = photos(2, 16, 16, 1)
    body = keras.Model(model.input, model.get_layer("pool").output)
    np.testing.assert_allclose(zoo.features(body, images), zoo.features(model, images))
    assert zoo.features(body, images).shape == (2, 16)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (photos()[0], r"with 3 or 1 channels, and some of them. Received: shape \(32, 32, 3\)"),
        (photos(0), r"Received: shape \(0, 32, 32, 3\)"),
        (photos(channels=4), r"Received: shape \(5, 32, 32, 4\)"),
        (
            photos() / 127.5 - 1,
            r"take \(x \+ 1\) \* 127.5 of what lies in -1..1. Received: -1.0 to",
        ),
        (photos() / 255, "multiply by 255. Received: 0.0 to 1.0, float64"),
        (photos() + 1.0, "must lie in 0..255; .* Received: 1.0 to 256.0"),
        (photos().astype("int32") - 1, "Received: -1 to 254, int32"),
        (np.full((1, 8, 8, 3), np.nan), "finite numbers in 0..255. Received: float64, with values"),
        (photos() > 9, "must be finite numbers in 0..255. Received: bool"),
        (photos(channels=1), r"takes images with 3 channels. .*\(32, 32, 1\); np.repeat"),
    ],
)
def test_wrong_images(net, images, message):
    with pytest.raises(zoo.ImageError, match=message):
        zoo.features(net, images)


def test_wrong_nets(net):
    with pytest.raises(zoo.UnknownModelError, match="resnet18w16_cifar10"):
        zoo.features("resnet18w16_cifar", photos())
    maps = zoo.load(NET, features_only=True, levels=["stage1"])
    with pytest.raises(ValueError, match="gives a vector for each image. Received"):
        zoo.features(maps, photos())
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        zoo.features(net, photos(), batch_size=0)
