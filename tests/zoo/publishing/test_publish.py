"""A model onto a Hub and back, through each reader."""

import json
import pathlib

import keras
import numpy as np
import pytest
import yaml
from huggingface_hub import HfApi
from keras import ops

from keras_attention import models, zoo
from keras_attention.zoo import kinds, published
from keras_attention.zoo.changes import Changes
from keras_attention.zoo.errors import (
    HubError,
    IntegrityError,
    ManifestError,
    UnknownModelError,
    UnsafePathError,
    WeightsError,
)
from keras_attention.zoo.files import header, manifest
from keras_attention.zoo.publishing import cards, golden, layout
from keras_attention.zoo.publishing import release as module
from tests import fake_hub
from tests.backends import on_torch_alone
from tests.models.nets import outputs, pixels
from tests.source import ROOT

# The client's own, whenever it sends a file to LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

REPO = "me/tuned"
NET = "vit_tiny_patch16_224"
OPTIONS = {"width": 12, "depths": (1,), "hidden": 20, "patch": 4}
GATE = {"type": "mhsa", "num_heads": 2}
HEADLESS = {"type": "mhsa", "num_heads": -1}


def tuned(seed=0, **options):
    """Somebody's own model, as after some training."""
    keras.utils.set_random_seed(seed)
    given = {"num_classes": 3, "input_shape": (8, 8, 3), "labels": ("a", "b", "c"), **OPTIONS}
    return models.build(NET, GATE, **{**given, **options})


def publish(model, **more):
    return module.publish(
        model, REPO, attention=GATE, options=OPTIONS, licence="Apache-2.0", **more
    )


FILE = {"sha256": "0" * 64, "size": 10**9}
LARGE = {name: FILE for name in ("labels.json", "preprocessing.json", "model.safetensors")}


def quarter(name):
    """Attention that is a function."""
    return keras.layers.Rescaling(0.25, name=name)


@pytest.fixture(scope="module")
def model():
    return tuned()


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    """The folder of a model, and what `publish` said of it."""
    folder = tmp_path_factory.mktemp("published") / "model"
    found = publish(model, folder=folder, dry_run=True, metrics={"metric": "accuracy", "score": 1})
    return folder, found


@pytest.fixture
def folder(written, tmp_path):
    """A copy of that folder to do harm to."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in written[0].iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.fixture
def hub(tmp_path):
    with fake_hub.connected(tmp_path / "home") as hub:
        yield hub


def test_a_dry_run_writes_a_folder_and_asks_nobody(model, written):
    folder, found = written
    assert {path.name for path in folder.iterdir()} >= {
        "README.md", "config.json", "keras_attention.json", "labels.json", "metadata.json",
        "model.safetensors", "model.weights.h5", "preprocessing.json",
    }  # fmt: skip
    assert (found.commit, found.tag, found.folder) == (None, None, folder)
    assert found.files["model.safetensors"].size == (folder / "model.safetensors").stat().st_size
    shapes = {name: one.shape for name, one in header.read(folder / "model.safetensors").items()}
    assert shapes == {weight.path: tuple(weight.shape) for weight in model.weights}
    told = json.loads((folder / manifest.NAME).read_text("utf-8"))
    assert told["kwargs"] == {"attention": GATE, **OPTIONS, "depths": [1]}
    assert told["golden"] == pytest.approx(golden.logits(model, (8, 8)), rel=1e-5)
    card = (folder / "README.md").read_text("utf-8")
    assert "license: apache-2.0" in card and f'load("hf://{REPO}")' in card


def test_this_library_and_keras_read_the_same_model(model, written):
    expected = outputs(model, pixels())
    ours = published.load(written[0], Changes())
    theirs = keras.saving.load_model(written[0])
    for found in (ours, theirs):
        np.testing.assert_allclose(outputs(found, pixels()), expected, rtol=1e-5, atol=1e-6)
    assert models.head.labels(ours) == ("a", "b", "c")


def test_changes_of_what_is_loaded(written, model, caplog):
    features = published.load(written[0], Changes(num_classes=0))
    assert features.output_shape == (None, 12)
    other = published.load(written[0], Changes(num_classes=5))
    assert other.output_shape == (None, 5) and "new and random are logits" in caplog.text
    maps = published.load(written[0], Changes(features_only=True))
    assert [x.shape for x in maps.output.values()] == [(None, 2, 2, 12)]
    kernels = [ops.convert_to_numpy(one.get_layer("patches").kernel) for one in (maps, model)]
    np.testing.assert_array_equal(*kernels)


@on_torch_alone
def test_published_once_and_again(hub, model):
    first = publish(model)
    assert first.tag == "v1.0.0" and hub.repos[REPO].tags == {"v1.0.0": first.commit}
    assert {key for key in json.loads(first.index_entry())["tuned"]} == {
        "repo", "commit", "tag", "files"
    }  # fmt: skip
    loaded = HfApi().list_repo_files(REPO)
    assert "model.safetensors" in loaded and "README.md" in loaded
    again = publish(model)  # nothing is new
    assert (again.commit, again.tag) == (first.commit, first.tag)
    assert hub.head(REPO, "main") == first.commit
    second = publish(tuned(seed=1))
    assert second.tag == "v1.1.0" and hub.repos[REPO].tags["v1.0.0"] == first.commit


@on_torch_alone
def test_files_of_keras_hub_come_and_go_with_it(hub, model, monkeypatch, caplog):
    pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    find = layout.importlib.util.find_spec

    def absent(name, *more):
        return None if name == "keras_hub" else find(name, *more)

    def files():
        return hub.repos[REPO].commits[hub.head(REPO)].keys() & {layout.TASK, layout.TASK_WEIGHTS}

    with monkeypatch.context() as patch:
        patch.setattr(layout.importlib.util, "find_spec", absent)
        first = publish(model)
        assert not files() and "KerasHub will not open the model" in caplog.text
    second = publish(model)  # the same, by somebody who has it
    assert len(files()) == 2 and second.commit != first.commit and second.tag == "v1.1.0"
    with monkeypatch.context() as patch:
        patch.setattr(layout.importlib.util, "find_spec", absent)
        publish(tuned(seed=5))
        assert not files()  # they would be those of the model before


@on_torch_alone
def test_nobody_is_overwritten(hub, model, monkeypatch):
    publish(model)
    create = HfApi.create_commit

    def late(self, repo, operations, **options):
        hub.add(REPO, {"other.json": b"{}"})
        return create(self, repo, operations, **options)

    monkeypatch.setattr(HfApi, "create_commit", late)
    with pytest.raises(HubError, match="Somebody else published to me/tuned meanwhile"):
        publish(tuned(seed=2))


@on_torch_alone
def test_a_hub_that_refuses(hub, model):
    hub.fault("/api/repos/create", status=403)
    with pytest.raises(HubError, match=f"The Hub refused {REPO}"):
        publish(model)


def test_what_is_not_finite_is_not_published(tmp_path):
    model = tuned()
    model.get_layer("logits").bias.assign([0.0, np.nan, 0.0])
    with pytest.raises(WeightsError, match="logits/bias holds values that are not finite"):
        publish(model, folder=tmp_path / "model", dry_run=True)


def test_the_arguments_must_be_those_of_the_model(model):
    with pytest.raises(ValueError, match=f"is not what models.build.'{NET}'.*attention="):
        module.publish(model, REPO, attention=GATE, options={**OPTIONS, "hidden": 24}, dry_run=True)
    with pytest.raises(WeightsError, match="does not answer as the model does: pass attention="):
        module.publish(model, REPO, options=OPTIONS, dry_run=True)  # three heads, equal shapes
    with pytest.raises(ValueError, match="Unknown architecture.*architecture='mine'"):
        module.publish(model, REPO, architecture="mine", dry_run=True)
    odd = models.build(NET, quarter, input_shape=(8, 8, 3), **OPTIONS)
    with pytest.raises(ValueError, match="Only what is plain data can be published"):
        module.publish(odd, REPO, attention=quarter, options=OPTIONS, dry_run=True)


@pytest.mark.parametrize(
    ("wrong", "repo", "message"),
    [
        (3, REPO, "model must be a name or a Keras model. Received: model=3"),
        ({}, "no-owner", "repo must be 'owner/name'. Received: repo='no-owner'"),
        ({"include_preprocessing": False}, REPO, "take images in 0..255 and give logits"),
        ({"features_only": True}, REPO, "take images in 0..255 and give logits"),
    ],
    ids=str,
)
def test_what_cannot_be_published_is_told(wrong, repo, message):
    with pytest.raises(ValueError, match=message):
        module.publish(tuned(**wrong) if isinstance(wrong, dict) else wrong, repo, dry_run=True)


def test_logits_of_another_number_are_not_the_published_ones(model):
    found = golden.logits(model, (8, 8))
    golden.check(found, [*found], "x")
    with pytest.raises(WeightsError, match="x answers with 3 numbers. Expected 1"):
        golden.check(found, found[:1], "x")


def test_a_folder_with_files_is_left_alone(model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="folder must be empty"):
        publish(model, folder=tmp_path, dry_run=True)


def test_models_of_others_are_not_published():
    with pytest.raises(UnknownModelError, match="is on the Hub already"):
        module.publish("timm/seresnet50.ra2_in1k", REPO)


@on_torch_alone
def test_a_model_of_the_package(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    name = "resnet18w16_cbam_cifar10"
    found = module.publish(name, f"me/{name}", folder=tmp_path / "model", dry_run=True)
    assert found.name == name
    shipped = pathlib.Path(zoo.__file__).parent / "weights" / f"{name}.safetensors"
    again, told = tmp_path / "model" / "model.safetensors", tmp_path / "model" / "README.md"
    assert header.read(again).keys() == header.read(shipped).keys()
    assert "0.8863" in told.read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError, match="publish it in a clone of the project"):
        module.publish(name, f"me/{name}", dry_run=True)


def change(folder, name=manifest.NAME, **fields):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")


@pytest.mark.parametrize("name", kinds.KINDS["classification"].read)
def test_every_file_that_is_read_is_hashed(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{name} is not the published file"):
        published.load(folder, Changes())
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name} cannot be read"):
        published.load(folder, Changes())


def test_a_link_is_refused(folder, tmp_path):
    path = folder / "model.safetensors"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePathError, match=r"model.safetensors is a link"):
        published.load(folder, Changes())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"files": {}}, ManifestError, "does not name"),
        ({"files": LARGE}, ManifestError, "preprocessing.json is too large for what it is"),
        ({"num_classes": 4}, ManifestError, "one name for each of the 4 classes"),
        ({"kwargs": {**OPTIONS, "attention": "none"}}, WeightsError, "Left over: .*_attention"),
        ({"kwargs": {**OPTIONS, "patch": 2}}, WeightsError, "Wrong shape: .*patches/kernel"),
        ({"kwargs": {"widht": 16}}, ManifestError, r"unknown kwargs \['widht'\]"),
        ({"kwargs": {"features_only": True}}, ManifestError, "unknown kwargs"),
        ({"kwargs": {"attention": "os.system"}}, ManifestError, "no such model can be built"),
        (
            {"kwargs": {**OPTIONS, "attention": {"type": "mhsa", "num_heads": -1}}},
            ManifestError,
            "num_heads must be",
        ),
        ({"kwargs": {**OPTIONS, "hidden": 65_536, "width": 49_152}}, WeightsError, "Wrong shape"),
    ],
    ids=str,
)
def test_descriptions_that_do_not_fit(folder, fields, error, message):
    change(folder, **fields)
    with pytest.raises(error, match=message):
        published.load(folder, Changes())
    keras.Sequential([keras.layers.Dense(1)])(np.ones((1, 1)))  # no memory is asked for later


def test_a_card_of_somebodys_own_model():
    arguments = {"num_classes": 0, "input_shape": (None, None, 3)}
    card = cards.of_model("me/x", "resnet18", arguments, {}, None)
    assert "features without a classifier" in card and "Nothing was reported" in card
    assert "license" not in card.partition("---\n\n")[0]
    assert front_matter(card)["pipeline_tag"] == "image-feature-extraction"


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_what_a_card_says_is_data_whatever_it_is():
    odd = {"metric": "top-1: accuracy", "score": 0.5, "data": "mine # of 'flowers'\nlicense: mit"}
    arguments = {"num_classes": 3, "input_shape": (8, 8, 3)}
    told = front_matter(cards.of_model("me/x", "resnet18", arguments, odd, "Apache-2.0"))
    assert told["license"] == "apache-2.0" and told["model_name"] == "x"
    (result,) = told["model-index"][0]["results"]
    assert result["dataset"]["name"] == odd["data"]
    assert result["metrics"] == [{"type": odd["metric"], "value": 0.5}]
