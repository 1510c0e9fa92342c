"""Images are resized and cropped as timm does in evaluation, pixel for pixel."""

import numpy as np
import pytest
from PIL import Image

from keras_attention import models, zoo
from keras_attention.zoo import images
from tests.torch_oracles.core import import_oracle

SIZES = [(300, 400), (401, 233), (64, 64), (20, 30), (225, 224)]


def photo(rows, columns):
    return np.random.default_rng(0).integers(0, 256, (rows, columns, 3), "uint8")


def evaluated(image, size, crop, interpolation):
    """What timm makes of an image before it becomes a tensor."""
    data = import_oracle("timm.data")
    transform = data.create_transform(
        input_size=(3, *size), crop_pct=crop, interpolation=interpolation, is_training=False
    )
    picture = Image.fromarray(image)
    for step in transform.transforms[:2]:
        picture = step(picture)
    return np.asarray(picture)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("crop", [0.875, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_equals_timm(shape, crop, interpolation):
    image = photo(*shape)
    found = images.fit(image, 64, 64, crop, interpolation)
    np.testing.assert_array_equal(found, evaluated(image, (64, 64), crop, interpolation))


@pytest.mark.parametrize("shape", SIZES)
def test_equals_timm_where_the_model_is_not_square(shape):
    image = photo(*shape)
    found = images.fit(image, 48, 64, 0.9, "bicubic")
    np.testing.assert_array_equal(found, evaluated(image, (48, 64), 0.9, "bicubic"))


@pytest.mark.parametrize("shape", SIZES)
def test_grey_pictures_are_resized_like_others(shape):
    grey = photo(*shape)[..., :1]
    found = images.fit(grey, 48, 64, 0.9)
    assert found.shape == (48, 64, 1)
    np.testing.assert_array_equal(
        np.repeat(found, 3, axis=-1), images.fit(np.repeat(grey, 3, axis=-1), 48, 64, 0.9)
    )


def test_brightness_is_that_of_television():
    rgb = photo(30, 40)
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(images.grey(rgb)[..., 0] - expected).max() < 0.51
    same = np.repeat(rgb[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(images.grey(same), rgb[..., :1])


def test_a_very_long_picture_is_cut_first():
    image = photo(4, 4000)
    found = images.fit(image, 32, 32)
    assert found.shape == (32, 32, 3)
    np.testing.assert_array_equal(found, images.fit(image[:, 1900:2100], 32, 32))


def test_the_model_says_how():
    model = models.build(
        "resnet18", width=2, input_shape=(32, 32, 3), crop=0.5, interpolation="bilinear"
    )
    image = photo(100, 80)
    expected = evaluated(image, (32, 32), 0.5, "bilinear")
    np.testing.assert_array_equal(zoo.preprocess(model, image), expected)
    assert zoo.centre(model, image).shape == (40, 40, 3)


def test_a_name_is_enough():
    image = photo(50, 40)
    name = "resnet18w16_cbam_cifar10"
    np.testing.assert_array_equal(
        zoo.preprocess(name, image), zoo.preprocess(zoo.load(name), image)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": 0}, "crop must be in 0..1. Received: crop=0"),
        ({"crop": 1.1}, "crop must be in 0..1"),
        ({"interpolation": "nearest"}, "Received: interpolation='nearest'"),
    ],
)
def test_wrong_evaluation(options, message):
    with pytest.raises(ValueError, match=message):
        models.build("resnet18", width=2, input_shape=(32, 32, 3), **options)
