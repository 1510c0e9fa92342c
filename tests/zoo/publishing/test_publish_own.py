"""Somebody's own model onto a Hub: fine-tuned, in 16 bits, of any size, with labels."""

import io
import json
import re

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models, zoo
from keras_attention.zoo.publishing import release
from tests import fake_hub
from tests.backends import on_torch_alone
from tests.models.nets import outputs, pixels
from tests.source import ROOT

from .test_publish import GATE, OPTIONS, tuned

# The client's own, whenever it sends a file to LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

NAME, REPO = "resnet18w16_cifar10", "me/flowers"
FLOWERS = ("daisy", "rose")
COMMIT = "0123456789abcdef0123456789abcdef01234567"  # what the page has in place of one


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with fake_hub.connected(tmp_path_factory.mktemp("home")) as hub:
        yield hub


def publish(model, repo, **more):
    return release.publish(model, repo, attention=GATE, options=OPTIONS, **more)


def test_a_model_that_was_fine_tuned(hub):
    publish(tuned(seed=1), "me/letters")
    model = zoo.load("hf://me/letters", num_classes=2)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(pixels().astype("float32"), np.array([0, 1]), verbose=0)
    metrics = {"metric": "accuracy", "score": np.float32(0.5)}
    found = publish(model, REPO, labels=FLOWERS, metrics=metrics, private=True)
    assert found.tag == "v1.0.0" and hub.repos[REPO].private
    again = zoo.load(f"hf://{REPO}")
    np.testing.assert_allclose(outputs(again, pixels()), outputs(model, pixels()), rtol=1e-5)
    assert models.labels(again) == FLOWERS and models.labels(model) is None
    theirs = keras.saving.load_model(f"hf://{REPO}")
    np.testing.assert_allclose(outputs(theirs, pixels()), outputs(model, pixels()), rtol=1e-5)
    assert not theirs.compiled and models.labels(theirs) == FLOWERS
    files = hub.repos[REPO].commits[found.commit]
    card = hub.read(files["README.md"]).decode()
    assert "- score: 0.5" in card and "2 classes (daisy, rose)" in card
    assert found.files["model.safetensors"].sha256 in card
    with h5py.File(io.BytesIO(hub.read(files["model.weights.h5"]))) as stored:
        assert "optimizer" not in stored


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "float16"])
def test_models_in_16_bits_are_published_in_32(hub, policy):
    keras.config.set_dtype_policy(policy)
    model, repo = tuned(), f"me/{policy}"
    publish(model, repo)
    assert keras.config.dtype_policy().name == policy
    same = zoo.load(f"hf://{repo}")
    for one, other in zip(model.weights, same.weights, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(*(as_float32(weight) for weight in (one, other)))
    keras.config.set_dtype_policy("float32")
    wide = zoo.load(f"hf://{repo}")
    assert {weight.dtype for weight in wide.weights} == {"float32"}
    theirs = keras.saving.load_model(f"hf://{repo}")
    np.testing.assert_allclose(
        outputs(theirs, pixels()), outputs(wide, pixels()), rtol=1e-5, atol=1e-5
    )


def as_float32(weight):
    return ops.convert_to_numpy(ops.cast(weight.value, "float32"))


@on_torch_alone
def test_a_model_for_images_of_any_size_with_attention_of_ones_own_choice(hub):
    attention = {"stage3": "cbam", "stage4/block1": {"type": "se", "reduction": 8}}
    options = {"width": 16}
    model = models.build(
        "resnet18", attention, num_classes=3, input_shape=(None, None, 3), **options
    )
    release.publish(model, "me/any", attention=attention, options=options)
    for again in (zoo.load("hf://me/any"), keras.saving.load_model("hf://me/any")):
        assert again.input_shape == (None, None, None, 3)
        x = pixels((1, 48, 32, 3))
        np.testing.assert_allclose(outputs(again, x), outputs(model, x), rtol=1e-5, atol=1e-5)


@on_torch_alone
@pytest.mark.parametrize("size", [(24, 16), (None, None)])
def test_a_model_of_grey_images(hub, size):
    options, repo = {"width": 4}, f"me/grey_{size[0]}"
    model = models.build(
        "preact_resnet20", "eca", num_classes=2, input_shape=(*size, 1), mean=(0.3,), std=(0.2,),
        labels=FLOWERS, **options,
    )  # fmt: skip
    found = release.publish(model, repo, attention="eca", options=options)
    x = pixels((2, 24, 16, 1))
    for again in (zoo.load(f"hf://{repo}"), keras.saving.load_model(f"hf://{repo}")):
        assert again.input_shape == (None, *size, 1)
        np.testing.assert_allclose(outputs(again, x), outputs(model, x), rtol=1e-5, atol=1e-5)
    files = hub.repos[repo].commits[found.commit]
    ready = json.loads(hub.read(files["preprocessing.json"]))
    assert (ready["channels"], ready["mean"], ready["std"]) == ("grey", [0.3], [0.2])
    assert "grey images of" in hub.read(files["README.md"]).decode()
    assert zoo.classify(zoo.load(f"hf://{repo}"), x[0, ..., 0])[0].label in FLOWERS


@on_torch_alone
def test_images_of_two_channels_are_not_published(hub):
    options = {"width": 4}
    model = models.build(
        "preact_resnet20", num_classes=2, input_shape=(16, 16, 2), mean=(0, 0), std=(1, 1),
        **options,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"RGB or grey images.*input_shape=\(None, 16, 16, 2\)"):
        release.publish(model, "me/two", options=options)


@on_torch_alone
def test_attention_that_is_no_data(hub):
    attention = layers.MultiHeadSelfAttention
    with pytest.raises(ValueError, match="Only what is plain data can be published.*MultiHead"):
        release.publish(tuned(), "me/own", attention=attention, options=OPTIONS)


@on_torch_alone
def test_a_model_without_classes(hub):
    model = tuned(num_classes=0, labels=None)
    found = publish(model, "me/features")
    np.testing.assert_array_equal(
        outputs(zoo.load("hf://me/features"), pixels()), outputs(model, pixels())
    )
    assert "task.json" not in hub.repos["me/features"].commits[found.commit]
    with pytest.raises(ValueError, match="one name for each of the 0 classes.*'daisy'"):
        publish(model, "me/features", labels=FLOWERS)


def test_channels_first_is_for_loading_only(hub, monkeypatch):
    model = tuned()
    publish(model, "me/last")
    keras.config.set_image_data_format("channels_first")
    first = zoo.load("hf://me/last")
    found = outputs(first, pixels().transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, outputs(model, pixels()), rtol=1e-4, atol=1e-4)
    assert zoo.load(NAME).input_shape == (None, 3, 32, 32)
    with pytest.raises(ValueError, match="published channels last: set keras's image_data_format"):
        publish(first, "me/first")
    keras.config.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match=r"published channels last.*input_shape=\(None, 3, 8, 8\)"):
        publish(first, "me/first")


@pytest.mark.parametrize(
    "score", [float("nan"), object(), np.zeros(2)], ids=["nan", "object", "array"]
)
def test_metrics_are_text_and_numbers(score):
    with pytest.raises(ValueError, match="text and finite numbers. Received: metrics="):
        publish(tuned(), REPO, metrics={"score": score}, dry_run=True)


def test_arguments_that_were_forgotten_are_told_with_the_remedy():
    model = zoo.load(NAME, num_classes=3)
    with pytest.raises(ValueError, match=r"of `load`, options=zoo.info\(NAME\).arguments"):
        release.publish(model, REPO, dry_run=True)


@on_torch_alone
def test_the_page_on_the_hub_does_what_it_says(hub, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/hub.md").read_text("utf-8")
    model = tuned()
    commit = publish(model, "you/flowers").commit
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block.replace(COMMIT, commit), "docs/hub.md", "exec"), names)
    assert names["body"].output_shape == (None, 12) and names["other"].output_shape == (None, 5)
    assert f"v1.1.0 {names['found'].commit}" in capsys.readouterr().out
    pinned = outputs(names["model"], pixels())
    np.testing.assert_allclose(pinned, outputs(model, pixels()), rtol=1e-5, atol=1e-5)


def test_the_page_on_the_hub_names_every_error():
    table = (ROOT / "docs/hub.md").read_text("utf-8").partition("## Errors")[2]
    named = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    known = {name for name in zoo.__all__ if name.endswith("Error")}
    assert named == known - {"ZooError", "ImageError"}
