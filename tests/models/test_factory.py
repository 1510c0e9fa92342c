"""What `build` promises for every architecture."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import models
from keras_attention.models import factory

from .nets import carry_weights, outputs, pixels, small


def test_architectures_are_listed_by_size():
    expected = [f"resnet{depth}" for depth in (18, 20, 32, 34, 50, 56, 101, 110, 152)]
    assert [name for name in models.list_architectures() if name in expected] == expected


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("resnt50", "resnet50"), ("ResNet18", "resnet18"), ("renset20", "resnet20")],
)
def test_an_unknown_name_gives_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}'.*Received: name='{name}'"):
        models.build(name)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"Known: .*resnet18, .*resnet20, .*resnet152"):
        models.build("zzz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht": 8}, "resnet18 has no option 'widht'. Did you mean 'width'.*Received: widht=8"),
        ({"depths": (1,)}, r"resnet18 has no option 'depths'.*Known: width, growth, stem"),
        ({"num_classes": -1}, "resnet18: num_classes must be an integer >= 0.*num_classes=-1"),
        ({"num_classes": 2.0}, "num_classes must be an integer >= 0. Received: num_classes=2.0"),
        ({"input_shape": (32, 32)}, r"must be \(height, width, 3\).*input_shape=\(32, 32\)"),
        ({"input_shape": (32, 32, 1)}, r"must be \(height, width, 3\).*\(32, 32, 1\)"),
        ({"input_shape": (3, 32, 32)}, r"must be \(height, width, 3\).*\(3, 32, 32\)"),
        ({"input_shape": (0, 32, 3)}, r"must be \(height, width, 3\).*\(0, 32, 3\)"),
        ({"input_shape": (1, 32, 32, 3)}, r"must be \(height, width, 3\)"),
        ({"input_shape": (32, 32, None)}, r"must be \(height, width, 3\)"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        models.build("resnet18", **options)


def test_wrong_shape_with_channels_first():
    keras.config.set_image_data_format("channels_first")
    with pytest.raises(ValueError, match=r"must be \(3, height, width\).*\(32, 32, 3\)"):
        models.build("resnet18", input_shape=(32, 32, 3))


@pytest.mark.parametrize(
    ("name", "data_format", "expected"),
    [
        ("resnet18", "channels_last", (None, 224, 224, 3)),
        ("resnet18", "channels_first", (None, 3, 224, 224)),
        ("resnet20", "channels_last", (None, 32, 32, 3)),
        ("resnet20", "channels_first", (None, 3, 32, 32)),
    ],
)
def test_default_input(name, data_format, expected):
    keras.config.set_image_data_format(data_format)
    model = models.build(name, width=2)
    assert model.input_shape == expected
    assert model.output_shape == (None, 1000)
    assert model.name == name
    assert isinstance(model, keras.Model)


def test_a_small_stem_has_small_images():
    assert models.build("resnet18", width=2, stem="small").input_shape == (None, 32, 32, 3)


def test_integers_and_floats_give_equal_logits():
    model, x = small(), pixels()
    expected = outputs(model, x.astype("float32"))
    assert expected.std() > 0
    np.testing.assert_array_equal(outputs(model, x), expected)


def test_normalisation_is_the_first_layer():
    model = small(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    first, normalize = model.layers[:2]
    assert isinstance(first, keras.layers.InputLayer)
    assert isinstance(normalize, keras.layers.Normalization)
    assert normalize.input is first.output
    assert not normalize.weights
    received = ops.convert_to_numpy(normalize(pixels()))
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.25, 0.125])
    np.testing.assert_allclose(received, (pixels() / 255.0 - mean) / std, rtol=1e-5, atol=1e-5)


def test_imagenet_statistics_are_the_default():
    received = ops.convert_to_numpy(small().get_layer("normalize")(pixels()))
    expected = (pixels() / 255.0 - factory.MEAN) / factory.STD
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)
    assert factory.MEAN == (0.485, 0.456, 0.406)
    assert factory.STD == (0.229, 0.224, 0.225)


def test_normalisation_can_be_left_out():
    inside, outside = small(mean=(0.1, 0.2, 0.3)), small(include_preprocessing=False)
    assert "normalize" not in [layer.name for layer in outside.layers]
    carry_weights(inside, outside)
    x = ((pixels() / 255.0 - np.array([0.1, 0.2, 0.3])) / factory.STD).astype("float32")
    np.testing.assert_allclose(outputs(outside, x), outputs(inside, pixels()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_saved_model_gives_the_same_bits(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    model = small(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    normalize = model.get_layer("normalize")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(loaded.get_layer("normalize")(pixels())),
        ops.convert_to_numpy(normalize(pixels())),
    )
    assert loaded.get_layer("normalize").get_config() == normalize.get_config()
    np.testing.assert_array_equal(outputs(loaded, pixels()), outputs(model, pixels()))
    assert [weight.path for weight in loaded.weights] == [weight.path for weight in model.weights]


def test_no_classes_gives_pooled_features():
    model = small(num_classes=0)
    assert model.output_shape == (None, 128)
    assert "logits" not in [layer.name for layer in model.layers]
    last = keras.Model(model.input, model.get_layer("stage4_block2_out").output)
    expected = outputs(last, pixels()).mean((1, 2))
    assert expected.std() > 0
    np.testing.assert_allclose(outputs(model, pixels()), expected, rtol=1e-5, atol=1e-6)


def test_one_net_takes_images_of_any_size():
    model, fixed = small(input_shape=(None, None, 3)), small(input_shape=(13, 9, 3))
    assert model.input_shape == (None, None, None, 3)
    carry_weights(model, fixed)
    for shape in [(2, 13, 9, 3), (1, 32, 32, 3)]:
        assert outputs(model, pixels(shape)).shape == (shape[0], 3)
    x = pixels((2, 13, 9, 3))
    np.testing.assert_allclose(outputs(model, x), outputs(fixed, x), rtol=1e-5, atol=1e-6)


def test_lists_and_tuples_are_shapes():
    assert small(input_shape=[8, 8, 3]).input_shape == (None, 8, 8, 3)
