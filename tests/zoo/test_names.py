"""What `load` makes of a name before it reads a weight."""

import dataclasses
import logging

import pytest

from keras_attention import models, zoo
from keras_attention.zoo import hub, index, loading
from keras_attention.zoo.foreign import checkpoint

TIMM = "timm/deit_tiny_patch16_224.fb_in1k"


@pytest.fixture
def asked(monkeypatch):
    """What the Hub is asked for; it has nothing."""
    calls = []

    def resolve(repo, files, access):
        calls.append((repo, tuple(files), access.revision))
        raise zoo.HubError("no connection")

    monkeypatch.setattr(hub, "resolve", resolve)
    return calls


def test_without_weights_a_name_needs_no_network(asked):
    model = zoo.load(TIMM, weights=False, num_classes=5)
    assert model.output_shape == (None, 5) and not asked
    assert model.get_layer("normalize").crop == 0.9


def test_a_listed_name_is_a_repository_of_two_files(asked):
    with pytest.raises(zoo.HubError, match="no connection"):
        zoo.load(TIMM)
    assert asked == [(TIMM, (checkpoint.CONFIG, checkpoint.TENSORS), None)]


def test_a_revision_is_passed_on(asked):
    for name, revision in [(f"{TIMM}@v2", "v2"), ("hf://me/mine@0123abc", "0123abc")]:
        with pytest.raises(zoo.HubError):
            zoo.load(name)
        assert asked[-1][2] == revision
    assert asked[-1][0] == "me/mine"


def test_a_new_tag_of_a_known_architecture_is_tried(asked):
    with pytest.raises(zoo.HubError):
        zoo.load("timm/resnet50.of_tomorrow")
    assert asked[0][0] == "timm/resnet50.of_tomorrow"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("timm/resnt50.a1_in1k", "timm/resnet50.a1_in1k"),
        ("resnet50_cbm", "resnet50_cbam"),
        ("deit_tiny_patch16_224.fb_in1k", TIMM),
    ],
)
def test_an_unknown_name_gives_the_nearest(asked, name, nearest):
    with pytest.raises(zoo.UnknownModelError, match=f"Did you mean '{nearest}'"):
        zoo.load(name)
    assert not asked


def test_only_the_hub_has_revisions():
    with pytest.raises(ValueError, match="Only models of the Hub have revisions"):
        zoo.load("resnet18w16_cbam_cifar10@main")


def test_a_licence_that_is_not_permissive_is_mentioned_once(asked, caplog, monkeypatch):
    monkeypatch.setattr(loading, "_MENTIONED", set())
    name = next(n for n in zoo.list_models() if zoo.info(n).licence not in index.PERMISSIVE)
    for _ in range(2):
        with caplog.at_level(logging.WARNING), pytest.raises(zoo.HubError):
            zoo.load(name)
    assert caplog.text.count("is not a permissive one") == 1
    assert name in caplog.text and zoo.info(name).licence in caplog.text


def test_a_permissive_licence_is_not_mentioned(asked, caplog):
    with pytest.raises(zoo.HubError):
        zoo.load(TIMM)
    assert not caplog.records


def test_imagenet_models_know_the_names_of_their_classes():
    model = zoo.load(TIMM, weights=False)
    assert models.labels(model) is None  # random weights know no classes
    labels = zoo.info(TIMM).labels
    assert (labels[0], labels[207], labels[999]) == ("tench", "golden retriever", "toilet tissue")


def test_bad_sizes_are_refused_before_anything_is_fetched(asked):
    with pytest.raises(ValueError, match="must be multiples of the patch size 16"):
        zoo.load(TIMM, weights=False, input_shape=(100, 100, 3))
    entry = dataclasses.asdict(zoo.info(TIMM))
    assert entry["input_size"] == (224, 224)
