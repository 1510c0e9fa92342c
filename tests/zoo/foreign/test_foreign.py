"""Checkpoints of timm in a folder: what `load` can change, and what it refuses."""

import json
import logging
import shutil

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file

from keras_attention import layers, models, zoo
from keras_attention.zoo.foreign import building, model_args
from tests.zoo.parity import error, timm_folder

SIZE = (32, 32)
SHAPE = (*SIZE, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    timm_folder(folder, "test_resnet", num_classes=7)
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def load(folder, **options):
    return zoo.load(str(folder), **{"input_shape": SHAPE, **options})


def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")


def output(model):
    return ops.convert_to_numpy(model(pixels()))


def change(folder, **fields):
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**config, **fields}), "utf-8")


def tensors(folder, edit):
    arrays = load_file(folder / "model.safetensors")
    edit(arrays)
    save_file(arrays, folder / "model.safetensors")


def test_size_labels_and_evaluation_come_from_the_description(copy):
    config = json.loads((copy / "config.json").read_text("utf-8"))["pretrained_cfg"]
    config.update(mean=[0.5, 0.4, 0.3], std=[0.3, 0.2, 0.1], crop_pct=0.8, interpolation="bilinear")
    change(copy, pretrained_cfg=config, label_names=list("abcdefg"))
    model = zoo.load(str(copy))
    assert model.input_shape == (None, *config["input_size"][1:], 3)
    assert models.labels(model) == tuple("abcdefg")
    normalize = model.get_layer("normalize")
    assert (normalize.crop, normalize.interpolation) == (0.8, "bilinear")
    assert (normalize.pixel_mean, normalize.pixel_std) == ((0.5, 0.4, 0.3), (0.3, 0.2, 0.1))


def test_a_new_head_keeps_the_body(folder, caplog):
    with caplog.at_level(logging.WARNING):
        model = load(folder, num_classes=3)
    assert model.output_shape == (None, 3) and models.labels(model) is None
    assert "new and random are logits" in caplog.text
    body = keras.Model(model.input, model.get_layer("pool").output)
    np.testing.assert_array_equal(output(body), output(load(folder, num_classes=0)))


def test_as_many_classes_as_published_keep_the_head(folder, caplog):
    np.testing.assert_array_equal(output(load(folder, num_classes=7)), output(load(folder)))
    assert "random" not in caplog.text


def test_features_by_level(folder):
    model = load(folder, features_only=True)
    assert list(model.output) == ["stage1", "stage2", "stage3", "stage4"]
    two = load(folder, features_only=True, levels=["stage4", "stage2"])
    found = two(pixels())
    assert list(found) == ["stage2", "stage4"]
    pooled = ops.convert_to_numpy(found["stage4"]).mean((1, 2))
    np.testing.assert_allclose(pooled, output(load(folder, num_classes=0)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_fills_float32_weights_and_the_other_way_round(folder, copy, dtype):
    tensors(copy, lambda a: a.update({name: array.astype(dtype) for name, array in a.items()}))
    found, half = load(copy), load(folder, dtype=dtype)
    for weight, same in zip(found.weights, half.weights, strict=True):
        values = ops.convert_to_numpy(weight)
        assert values.dtype == "float32"
        np.testing.assert_array_equal(values, ops.convert_to_numpy(same).astype("float32"))


def test_published_attention_is_not_compared_with_itself(monkeypatch):
    """For a comparison needs configs, for which Keras imports TensorFlow on any backend."""
    monkeypatch.setattr(building, "_config", lambda spec: pytest.fail(f"compared {spec}"))
    assert building.fresh("test_vit", "mhsa", None) == set()


def test_an_unknown_level_names_the_known_ones(folder):
    with pytest.raises(ValueError, match=r"no level 'stage5'.*Known: stage1, .*stage4"):
        load(folder, features_only=True, levels=["stage5"])


def test_added_attention_is_new_and_said_to_be(folder, caplog):
    with caplog.at_level(logging.WARNING):
        model = load(folder, attention={"stage4": "cbam"})
    assert "new and random are stage4_block1_attention" in caplog.text
    assert isinstance(model.get_layer("stage4_block1_attention"), layers.CBAM)
    plain = load(folder)
    for weight in plain.weights:
        (same,) = (one for one in model.weights if one.path == weight.path)
        np.testing.assert_array_equal(ops.convert_to_numpy(same), ops.convert_to_numpy(weight))


def test_attention_that_starts_as_the_identity_changes_nothing(folder):
    model = load(folder, attention={"type": "se", "identity_init": True})
    np.testing.assert_allclose(output(model), output(load(folder)), rtol=1e-6)


def test_without_weights_no_tensor_is_read(copy):
    (copy / "model.safetensors").write_bytes(b"nothing")
    assert load(copy, weights=False).output_shape == (None, 7)


def test_mixed_precision_has_float32_weights_and_logits(folder):
    model = load(folder, dtype="mixed_bfloat16")
    assert model.get_layer("stem_conv1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    assert model.get_layer("logits").compute_dtype == "float32"
    np.testing.assert_allclose(output(model), output(load(folder)), rtol=0.1, atol=0.1)


def test_unknown_sizes(folder):
    model, fixed = load(folder, input_shape=(None, None, 3)), load(folder)
    np.testing.assert_allclose(output(model), output(fixed), rtol=1e-4, atol=1e-5)


def test_channels_first(folder):
    expected = output(load(folder))
    keras.config.set_image_data_format("channels_first")
    model = zoo.load(str(folder), input_shape=(3, *SIZE))
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no channels-first convolution on a CPU")
    found = ops.convert_to_numpy(model(pixels().transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda a: a.pop("fc.bias"), "weights without a tensor: logits/bias"),
        (lambda a: a.update(extra=np.ones(2, "f")), "Tensors without use: extra"),
        (lambda a: a.update({"fc.bias": np.ones(2, "f")}), r"logits/bias \(7,\), from .*\(2,\)"),
    ],
    ids=["missing", "extra", "shape"],
)
def test_tensors_that_do_not_fit_are_listed(copy, edit, message):
    tensors(copy, edit)
    with pytest.raises(zoo.ConversionError, match=message):
        load(copy)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_values_that_are_not_finite_are_refused(copy, value, dtype):
    tensors(copy, lambda a: a.update({"fc.bias": np.array([value] + 6 * [0.1], dtype)}))
    with pytest.raises(zoo.WeightsError, match=r"not finite in 'fc.bias'"):
        load(copy)


def test_a_truncated_file_is_refused(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(zoo.IntegrityError, match="not a readable safetensors file"):
        load(copy)


def test_another_architecture_does_not_fit(copy):
    change(copy, architecture="resnet18")
    with pytest.raises(zoo.ConversionError, match="does not fit the model"):
        load(copy)


def test_an_unknown_architecture_names_the_nearest(copy):
    change(copy, architecture="resnt50")
    message = "Did you mean 'resnet50'.*Received: architecture='resnt50'"
    with pytest.raises(zoo.UnknownModelError, match=message):
        load(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold one JSON object"),
        ("{}", "does not describe a checkpoint"),
        (" " * 1_000_001, "larger than 1000000 bytes"),
        ('{"architecture": "resnet18", "architecture": "resnet34"}', "occurs twice"),
    ],
)
def test_a_description_that_is_none(copy, content, message):
    (copy / "config.json").write_text(content, "utf-8")
    with pytest.raises(zoo.IntegrityError, match=message):
        load(copy)


def test_another_pooling_is_refused(copy):
    change(copy, global_pool="max")
    with pytest.raises(zoo.ConversionError, match="pools by 'avg' here.*global_pool='max'"):
        load(copy)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"act_layer": "silu"}, "make another network.*Received: model_args={'act_layer': 'silu'}"),
        ({"in_chans": 1}, "model_args={'in_chans': 1}"),
        ({"qk_norm": True}, "model_args={'qk_norm': True}"),  # a residual network has none
        ({"img_size": 32.5}, r"img_size is one or two integers. Received: 32.5"),
        ({"img_size": [32]}, r"img_size is one or two integers. Received: \[32\]"),
        ({"global_pool": "max"}, "Received: global_pool='max'"),
    ],
    ids=str,
)
def test_arguments_that_make_another_network_are_refused(copy, given, message):
    change(copy, model_args=given)
    with pytest.raises(zoo.ConversionError, match=message):
        load(copy)


def test_arguments_for_training_and_sizes_are_taken(copy):
    change(copy, model_args={"drop_path_rate": 0.1, "img_size": 48, "in_chans": 3})
    assert zoo.load(str(copy)).input_shape == (None, 48, 48, 3)
    change(copy, model_args={"img_size": [40, 56]})
    assert zoo.load(str(copy)).input_shape == (None, 40, 56, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_classes": 10**9}, "classes are at most 65536. Received: num_classes=1000000000"),
        ({"model_args": {"img_size": 10**5}}, r"sides of 1 to 4096 pixels. Received: size=\(1000"),
    ],
    ids=str,
)
def test_numbers_that_would_take_all_memory(copy, fields, message):
    change(copy, **fields)
    with pytest.raises(zoo.ZooError, match=message):
        load(copy)


def test_images_that_would_take_all_memory(copy):
    given = json.loads((copy / "config.json").read_text("utf-8"))["pretrained_cfg"]
    change(copy, pretrained_cfg={**given, "input_size": [3, 10**5, 32]})
    with pytest.raises(
        zoo.ManifestError, match="sides of 1 to 4096 pixels. Received: size=.100000"
    ):
        load(copy)


def test_heads_which_no_tensor_shows_are_compared():
    name = "vit_tiny_patch16_224"
    assert model_args.read({"num_heads": 3, "embed_dim": 192}, name, "x") == model_args.Told()
    with pytest.raises(zoo.ConversionError, match="model_args={'num_heads': 4}"):
        model_args.read({"num_heads": 4}, name, "x")


def test_missing_files_are_named(tmp_path, copy):
    (tmp_path / "empty").mkdir()
    with pytest.raises(zoo.IntegrityError, match=r"has no config.json. It has: nothing"):
        zoo.load(str(tmp_path / "empty"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(zoo.IntegrityError, match=r"has no model.safetensors. It has: config.json"):
        load(copy)


def test_one_channel_is_refused(copy):
    config = json.loads((copy / "config.json").read_text("utf-8"))["pretrained_cfg"]
    change(copy, pretrained_cfg={**config, "input_size": [1, 32, 32]})
    with pytest.raises(zoo.ConversionError, match="only RGB"):
        load(copy)


def test_parity_of_this_checkpoint(folder):
    timm = timm_folder(folder, "test_resnet", num_classes=7)
    assert error(load(folder), timm, SIZE) <= 1e-4
