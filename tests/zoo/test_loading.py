import json
import logging

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention import zoo
from keras_attention.zoo import loading
from tests.source import ROOT

NAMES = zoo.list_models(source="wheel")
CBAM = "resnet18w16_cbam_cifar10"


@pytest.fixture(scope="module")
def model():
    return zoo.load(CBAM)


def pixels(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype="uint8")


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_shipped_weights_are_frozen(name):
    frozen = json.loads((ROOT / "tests/zoo/keys.json").read_text("utf-8"))[name]
    first, second = zoo.load(name), zoo.load(name)
    assert [weight.path for weight in first.weights] == frozen
    assert [weight.path for weight in second.weights] == frozen


def test_the_weights_are_those_of_the_file(model):
    from safetensors.numpy import load_file

    arrays = load_file(loading.WEIGHTS / zoo.info(CBAM).file)
    for weight in model.weights:
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(weight), arrays[weight.path].astype("float32")
        )


def test_labels_and_preprocessing_survive_saving(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert ka.models.labels(again) == ka.models.labels(model) == zoo.info(CBAM).labels
    np.testing.assert_array_equal(
        again.predict(pixels(), verbose=0), model.predict(pixels(), verbose=0)
    )


def test_floats_and_bytes_are_the_same_image(model):
    as_bytes = model.predict(pixels(), verbose=0)
    np.testing.assert_array_equal(model.predict(pixels().astype("float32"), verbose=0), as_bytes)


def test_a_new_head_keeps_the_body_and_says_so(model, caplog):
    with caplog.at_level(logging.WARNING):
        tuned = zoo.load(CBAM, num_classes=3)
    assert "172 of 174 weights are those of the checkpoint" in caplog.text
    assert "new and random are logits" in caplog.text
    assert tuned.output_shape == (None, 3)
    assert ka.models.labels(tuned) is None
    for weight in tuned.weights:
        if not weight.path.startswith("logits/"):
            old = next(w for w in model.weights if w.path == weight.path)
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(weight), keras.ops.convert_to_numpy(old)
            )


def test_no_head(model):
    features = zoo.load(CBAM, num_classes=0)
    assert features.output_shape == (None, 128)
    expected = keras.Model(model.inputs, model.get_layer("pool").output).predict(
        pixels(), verbose=0
    )
    np.testing.assert_allclose(features.predict(pixels(), verbose=0), expected, rtol=1e-6)


def test_random_weights_on_request_only(model):
    fresh = zoo.load(CBAM, weights=False)
    kernel = keras.ops.convert_to_numpy(fresh.get_layer("stem_conv").kernel)
    assert not np.allclose(kernel, keras.ops.convert_to_numpy(model.get_layer("stem_conv").kernel))


def test_dtype(model):
    half = zoo.load(CBAM, dtype="mixed_bfloat16")
    assert half.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert half.get_layer("stage1_block1_attention").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    whole = model.predict(pixels(), verbose=0)
    error = np.abs(half.predict(pixels(), verbose=0) - whole).max() / np.abs(whole).max()
    assert error < 0.05


def test_a_bad_policy_leaves_the_setting_alone():
    with pytest.raises((TypeError, ValueError)):
        zoo.load(CBAM, dtype="float17")
    assert keras.config.dtype_policy().name == "float32"


def test_num_classes_must_be_a_count():
    with pytest.raises(ValueError, match="Received: num_classes=-1"):
        zoo.load(CBAM, num_classes=-1)


def test_fine_tuning_learns():
    keras.utils.set_random_seed(0)
    tuned = zoo.load(CBAM, num_classes=2)
    tuned.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = pixels(8)
    x[::2] //= 4
    y = np.arange(8) % 2
    losses = tuned.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
