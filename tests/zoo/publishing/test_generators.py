"""A generator onto a Hub and back: of the package, of somebody's own, and what must not load."""

import dataclasses
import hashlib
import json
import re

import keras
import numpy as np
import pytest
import yaml

from keras_attention import cli, models, zoo
from keras_attention.zoo.files import header, manifest
from keras_attention.zoo.publishing import golden, release
from tests import fake_hub
from tests.backends import on_torch_alone
from tests.models.nets import small
from tests.zoo.generators import (
    LABELS,
    NAME,
    OPTIONS,
    check_same,
    pictures,
    shipped,
    tiny,
    weights_of,
)

# The client's own, whenever it sends a file to LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

REPO, WEIGHTS = "me/pictures", "model.safetensors"
READ = {manifest.NAME, "labels.json", WEIGHTS}
OTHERS = {"README.md", "config.json", "metadata.json", "model.weights.h5"}
MESSAGE = "is not what models.build_generator.'sagan32'.*options=zoo.info"


def publish(model, **more):
    return zoo.publish(model, REPO, **{"options": OPTIONS, **more})


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with fake_hub.connected(tmp_path_factory.mktemp("home")) as hub:
        yield hub


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    """The files of a published generator, by name."""
    folder = tmp_path_factory.mktemp("published") / "model"
    publish(model, folder=folder, dry_run=True, licence="MIT")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def files(written):
    return dict(written)


@pytest.fixture
def load(tmp_path):
    """Put files into a folder, and load them."""

    def from_folder(files, **options):
        place = tmp_path / "model"
        place.mkdir(exist_ok=True)
        for name, content in files.items():
            (place / name).write_bytes(content)
        return zoo.load(str(place), **options)

    return from_folder


def test_all_readers_make_the_same_pictures(hub, model):
    found = publish(model)
    assert found.tag == "v1.0.0" and set(found.files) == READ
    assert hub.repos[REPO].commits[found.commit].keys() - {".gitattributes"} == READ | OTHERS
    hub.requests.clear()
    loaded = zoo.load(f"hf://{REPO}")
    assert {request.target.rpartition("/")[2] for request in hub.asked("/resolve/")} == READ
    assert models.labels(loaded) == LABELS
    theirs = keras.saving.load_model(f"hf://{REPO}")
    for one in (loaded, theirs):
        check_same(pictures(one, ["coat", "bag"]), pictures(model, [2, 1]))


@on_torch_alone
def test_the_generators_of_the_package_are_published_with_all(hub, model, tmp_path, capsys):
    with shipped(tmp_path, model) as folder:
        assert cli.main(["publish", "--all", "--org", "me"]) == 0
        place = json.loads(capsys.readouterr().out)[NAME]
        assert set(place["files"]) == READ and place["repo"] == f"me/{NAME}"
        path = folder / "index.json"
        entry = json.loads(path.read_text("utf-8"))[NAME]
        for field in ("file", "sha256", "size"):
            del entry[field]
        path.write_text(json.dumps({NAME: {**entry, **place}}), "utf-8")
        zoo.index._read.cache_clear()
        assert zoo.list_models(source="hub", task="generation") == [NAME]
        check_same(pictures(zoo.load(NAME)), pictures(model))
        with pytest.raises(ValueError, match="num_classes must not be given"):
            zoo.load(NAME, num_classes=2)


@on_torch_alone
def test_the_manifest_tells_what_builds_it(files, model):
    told = manifest.parse(files[manifest.NAME], "it")
    assert told.format == 1 and told.architecture == "sagan32"
    assert told.kwargs == {**OPTIONS, "latent": 6, "channels": 1} and told.num_classes == 3
    assert json.loads(files["labels.json"]) == {"labels": list(LABELS)}
    shapes = {n: x.shape for n, x in header.of_bytes(files[WEIGHTS], "it").items()}
    assert shapes == {weight.path: tuple(weight.shape) for weight in model.weights}


@on_torch_alone
def test_the_card_tells_how_to_sample(hub, model, tmp_path):
    publish(model, metrics={"metric": "FID", "score": 21.5}, folder=tmp_path)
    card = (tmp_path / "README.md").read_text("utf-8")
    told = yaml.safe_load(card.split("---\n")[1])
    assert told["pipeline_tag"] == "unconditional-image-generation"
    assert told["model-index"][0]["results"][0]["task"] == {"type": told["pipeline_tag"]}
    assert "3 classes (ankle boot, bag, coat)" in card and "KerasHub" not in card
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    np.testing.assert_array_equal(names["pictures"], models.sample(model, [0, 1], seed=0))
    built = re.search(r"`(models.build_generator\(.*\))`", card)
    again = eval(built[1], {"models": models})
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


@on_torch_alone
def test_a_generator_without_classes_in_16_bits_with_attention_of_ones_own(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    gate = {"type": "se", "reduction": 2}
    model = tiny(attention=gate, num_classes=0, labels=None)
    publish(model, attention=gate, folder=tmp_path, dry_run=True)
    keras.config.set_dtype_policy("float32")
    loaded = zoo.load(str(tmp_path))
    assert models.labels(loaded) is None and loaded.get_layer("block2_attention").reduction == 2
    assert "models.sample(model, 2, seed=0)" in release.cards.of_model(
        REPO, "sagan32", {"num_classes": 0}, {}, None
    )
    assert np.abs(pictures(loaded).astype(int) - pictures(model)).mean() < 5


@on_torch_alone
def test_names_are_given_when_it_is_published(load, tmp_path):
    folder = tmp_path / "named"
    publish(tiny(labels=None), labels=["a", "b", "c"], folder=folder, dry_run=True)
    assert models.labels(zoo.load(str(folder))) == ("a", "b", "c")
    with pytest.raises(ValueError, match="one name for each of the 3 classes"):
        publish(tiny(), labels=["a"], dry_run=True)


@on_torch_alone
def test_what_is_no_such_generator_is_not_published(model):
    with pytest.raises(ValueError, match=MESSAGE):
        publish(model, options={"width": 4}, dry_run=True)
    critic = models.build_discriminator("sagan32", None, width=2, channels=1)
    with pytest.raises(zoo.UnknownArchitectureError, match="architecture='sagan32_discriminator'"):
        publish(critic, dry_run=True)
    with pytest.raises(ValueError, match="not what models.build_generator makes"):
        publish(small(), architecture="sagan32", dry_run=True)
    with pytest.raises(ValueError, match=r"take images in 0..255 and give logits or features"):
        publish(model, architecture="resnet18", dry_run=True)


# The golden numbers


@on_torch_alone
def test_a_folder_that_answers_otherwise_is_not_published(written, tmp_path):
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    told = manifest.parse(written[manifest.NAME], "it")
    assert len(told.golden) == golden.NUMBERS
    release._read_back(tmp_path, told)
    other = dataclasses.replace(told, golden=tuple(golden.pictures(tiny(seed=1))))
    with pytest.raises(zoo.WeightsError, match="does not answer as when it was published"):
        release._read_back(tmp_path, other)
    (tmp_path / "model.weights.h5").write_bytes(_of_keras(tiny(seed=1), tmp_path))
    with pytest.raises(zoo.WeightsError, match="as Keras reads it does not answer"):
        release._read_back(tmp_path, told)


def _of_keras(model, folder):
    path = folder / "other.weights.h5"
    model.save_weights(path)
    return path.read_bytes()


@on_torch_alone
@pytest.mark.parametrize("path", ["project/bias", "block2_attention/gamma", "to_image/bias"])
def test_no_weight_can_change_unseen(path):
    model = tiny()
    before = golden.pictures(model)
    (weight,) = [one for one in model.weights if one.path == path]
    weight.assign(weight + 0.05)
    assert golden.difference(golden.pictures(model), before) > golden.LIMIT


@on_torch_alone
def test_rows_of_first_and_last_class_and_single_pixels_count(model, monkeypatch):
    before = golden.pictures(model)
    for row in (0, 2):
        other = tiny()
        gamma = other.get_layer("block3_norm2").gamma
        gamma.assign(gamma * (1 + 0.5 * (np.arange(3) == row)[:, None]))
        assert golden.difference(golden.pictures(other), before) > golden.LIMIT
    images = golden.sampling.channels_last

    def one_pixel_off(generator, y):
        found = images(generator, y).copy()
        found[1, 9, 20] += 0.5
        return found

    monkeypatch.setattr(golden.sampling, "channels_last", one_pixel_off)
    assert golden.difference(golden.pictures(model), before) > golden.LIMIT


def test_the_same_numbers_on_every_backend(model):
    """As torch computed them with float32, channels last."""
    assert golden.difference(golden.pictures(model), np.array(NUMBERS)) <= 1e-5


NUMBERS = [
    -1.16634807, 0.37711186, 0.30501421, 0.09563875, -0.81305922, -0.23703173, 0.57247783,
    0.67556786, -0.4821006, 0.89422788, -0.01539498, 0.85925072, -0.78920717, -0.05708891,
    0.97993125, -0.41399287,
]  # fmt: skip


# What must not load


def told(**fields):
    """Another description."""

    def edit(files):
        files[manifest.NAME] = json.dumps({**json.loads(files[manifest.NAME]), **fields}).encode()

    return edit


def kwargs(**fields):
    return told(kwargs={**OPTIONS, "latent": 6, "channels": 1, **fields})


def forged(name, content):
    """Another file, with a description that has its hash."""

    def edit(files):
        files[name] = content
        named = json.loads(files[manifest.NAME])["files"]
        sha256 = hashlib.sha256(content).hexdigest()
        told(files={**named, name: {"sha256": sha256, "size": len(content)}})(files)

    return edit


def labels(value):
    return forged("labels.json", json.dumps({"labels": value}).encode())


def weights(model):
    return forged(WEIGHTS, weights_of(model))


def without(name):
    def edit(files):
        named = json.loads(files[manifest.NAME])["files"]
        told(files={one: file for one, file in named.items() if one != name})(files)

    return edit


CASES = {
    "a width of 10**6": (kwargs(width=10**6), zoo.ManifestError, "at most 65536"),
    "a huge net, by its description":
        (kwargs(width=65_536), zoo.ManifestError, "no generator of this width fits into the"),
    "a width of 0": (kwargs(width=0), zoo.ManifestError, "width must be .* Received: width=0"),
    "a width in words": (kwargs(width="2"), zoo.ManifestError, "no such model can be built"),
    "another width": (kwargs(width=3), zoo.WeightsError, "Wrong shape: .*project/kernel"),
    "another latent": (kwargs(latent=7), zoo.WeightsError, "Wrong shape: .*project/kernel"),
    "attention nowhere": (kwargs(attention_at=64), zoo.ManifestError, "attention_at must be"),
    "attention that is none":
        (kwargs(attention="sagen"), zoo.ManifestError, "Did you mean 'sagan'"),
    "a function in place of attention":
        (kwargs(attention="os.system"), zoo.ManifestError, "no such model can be built"),
    "a list in place of attention":
        (kwargs(attention=[["se"]]), zoo.ManifestError, "no such model can be built"),
    "an argument of a classifier":
        (kwargs(features_only=True), zoo.ManifestError, "unknown kwargs .'features_only'"),
    "names among the arguments": (kwargs(labels=["a"]), zoo.ManifestError, "unknown kwargs"),
    "no weights of the attention": (
        told(kwargs={**OPTIONS, "attention": None, "latent": 6, "channels": 1}),
        zoo.WeightsError, "Left over: .*block2_attention",
    ),
    "an unknown architecture":
        (told(architecture="sagan33"), zoo.UnknownArchitectureError, "Did you mean 'sagan32'"),
    "an architecture of another kind":
        (told(architecture="resnet18"), zoo.ManifestError, "does not name .'preprocessing.json'"),
    "a larger architecture": (told(architecture="sagan64"), zoo.WeightsError, "Missing: .*block4"),
    "more classes": (told(num_classes=4), zoo.ManifestError, "one name for each of the 4 classes"),
    "no classes": (told(num_classes=0), zoo.ManifestError, "one name for each of the 0 classes"),
    "classes that are less than none": (
        lambda files: [labels([])(files), told(num_classes=-1)(files)],
        zoo.ManifestError, "num_classes must be",
    ),
    "a name too few": (labels(["a", "b"]), zoo.ManifestError, "each of the 3 classes. Received 2"),
    "a word in place of names": (labels("abc"), zoo.ManifestError, "labels.json cannot be used"),
    "no names, by the description":
        (without("labels.json"), zoo.ManifestError, "does not name .'labels.json'"),
    "no file of names":
        (lambda files: files.pop("labels.json"), zoo.IntegrityError, "labels.json cannot be read"),
    "other names": (
        lambda files: files.update({"labels.json": b'{"labels": []}'}),
        zoo.IntegrityError, "labels.json has the wrong size",
    ),
    "weights of another width":
        (lambda files: weights(tiny(width=3))(files), zoo.WeightsError, "Wrong shape: .*project"),
    "weights cut short": (
        lambda files: files.update({WEIGHTS: files[WEIGHTS][:-4]}),
        zoo.IntegrityError, "has the wrong size",
    ),
}  # fmt: skip


@on_torch_alone
@pytest.mark.parametrize("name", CASES)
def test_what_is_refused(name, files, load):
    edit, error, message = CASES[name]
    edit(files)
    with pytest.raises(error, match=message):
        load(files)
    keras.Sequential([keras.layers.Dense(1)])(np.ones((1, 1)))  # no memory is asked for later


@on_torch_alone
def test_the_unaltered_files_load(files, load, model):
    """Or the refusals above would show nothing."""
    loaded = load(files)
    check_same(pictures(loaded), pictures(model))
    assert models.labels(load(files, weights=False)) == LABELS
    with pytest.raises(ValueError, match=r"pictures is a generator.*input_shape=\(8, 8, 3\)"):
        load(files, input_shape=(8, 8, 3))
