"""A generator in the package: loaded by name, listed, sampled, and refused where images go in."""

import keras
import numpy as np
import pytest

from keras_attention import cli, models, zoo
from keras_attention.zoo import kinds
from tests.backends import on_torch_alone

from .generators import (
    LABELS,
    NAME,
    check_same,
    pictures,
    shipped,
    tiny,
    weights_of,
)


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def project(model, tmp_path_factory):
    """An index that names the generator alone."""
    with shipped(tmp_path_factory.mktemp("project"), model) as folder:
        yield folder


def test_a_name_gives_the_generator_that_was_shipped(model, project):
    loaded = zoo.load(NAME)
    for one, other in zip(loaded.weights, model.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(w) for w in (one, other)))
    assert models.labels(loaded) == LABELS
    check_same(pictures(loaded), pictures(model))
    named = pictures(loaded, ["coat", "ankle boot", "bag"])
    np.testing.assert_array_equal(named, pictures(loaded, [2, 0, 1]))
    assert not np.array_equal(named[0], pictures(loaded)[0])


@on_torch_alone
def test_random_weights_and_precision_are_a_choice(model, project):
    fresh = zoo.load(NAME, weights=False)
    assert models.labels(fresh) == LABELS
    assert np.abs(pictures(fresh).astype(int) - pictures(model)).max() > 50
    half = zoo.load(NAME, dtype="mixed_bfloat16")
    assert half.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    assert np.abs(pictures(half).astype(int) - pictures(model)).mean() < 5


CHANGES = {
    "num_classes": 5,
    "input_shape": (32, 32, 3),
    "attention": "se",
    "features_only": True,
    "levels": ["stage1"],
}


@on_torch_alone
@pytest.mark.parametrize("name", CHANGES)
def test_a_generator_is_loaded_as_it_was_published(project, name):
    message = f"is a generator.*{name} must not be given. Received: {name}="
    with pytest.raises(ValueError, match=message):
        zoo.load(NAME, **{name: CHANGES[name]})


@on_torch_alone
def test_where_images_go_in_a_generator_is_refused(project, tmp_path):
    image = np.zeros((32, 32, 3), "uint8")
    for function in (zoo.classify, zoo.preprocess):
        for given in (NAME, zoo.load(NAME)):
            with pytest.raises(
                ValueError,
                match=f"{function.__name__} needs a model that takes images; models.sample",
            ):
                function(given, image)
    with pytest.raises(ValueError, match="features needs a .*the generator 'sagan32_generator'"):
        zoo.features(NAME, image[None])
    keras.utils.save_img(tmp_path / "black.png", image)
    assert cli.main(["predict", NAME, str(tmp_path / "black.png")]) == 2


@on_torch_alone
def test_it_is_listed_and_verified(project):
    assert zoo.list_models(task="generation") == zoo.list_models(source="wheel") == [NAME]
    assert zoo.list_models(task="classification", source="timm")
    entry = zoo.info(NAME)
    assert (entry.family, entry.input_size, entry.labels) == ("sagan", (32, 32), LABELS)
    assert zoo.list_models(family="sagan", attention="sagan") == [NAME]
    (found,) = [one for one in zoo.cache_info() if one.name == NAME]
    assert (found.kind, found.size) == ("wheel", entry.size)
    assert [finding.state for finding in zoo.verify(NAME)] == ["good"]
    with pytest.raises(ValueError, match="Did you mean 'generation'.*Received: task='generator'"):
        zoo.list_models(task="generator")


@on_torch_alone
def test_a_distance_is_no_share_of_right_answers(project):
    assert zoo.info(NAME).score > 1
    assert NAME in zoo.list_models() and NAME not in zoo.list_models(min_top1=0.5)
    classifiers = zoo.list_models(min_top1=0.5)
    assert classifiers and {zoo.info(name).task for name in classifiers} == {"classification"}


@on_torch_alone
def test_the_task_of_every_model_is_that_of_its_kind():
    for name in zoo.list_models():
        entry = zoo.info(name)
        assert kinds.of(entry.architecture) is kinds.KINDS[entry.task], name
        assert entry.family == kinds.of(entry.architecture).family_of(entry.architecture)


@on_torch_alone
def test_a_file_that_was_changed_is_not_parsed(model, tmp_path):
    with shipped(tmp_path, model) as folder:
        path = folder / "weights" / f"{NAME}.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(zoo.IntegrityError, match="is not the published file"):
            zoo.load(NAME)
        assert [finding.state for finding in zoo.verify(NAME)] == ["damaged"]


@on_torch_alone
@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"arguments": {"num_classes": 3, "width": 4}}, zoo.WeightsError, "Wrong shape"),
        ({"arguments": {"width": 2}, "labels": []}, zoo.WeightsError, "Missing.*norm1/moving_mean"),
        ({"labels": ["bag", "coat"]}, ValueError, "one name for each of the 3 classes"),
        ({"architecture": "sagan33"}, zoo.IntegrityError, "damaged.*Did you mean 'sagan32'"),
    ],
    ids=str,
)
def test_an_index_that_does_not_fit_the_weights(model, tmp_path, fields, error, message):
    with shipped(tmp_path, model, **fields), pytest.raises(error, match=message):
        zoo.load(NAME)


@on_torch_alone
def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = tiny()
    model.get_layer("to_image").bias.assign([np.nan])
    assert b"to_image/bias" in weights_of(model)
    with (
        shipped(tmp_path, model),
        pytest.raises(zoo.WeightsError, match="not finite in 'to_image/bias'"),
    ):
        zoo.load(NAME)
