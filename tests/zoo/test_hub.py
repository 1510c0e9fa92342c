"""Checkpoints of repositories: fetched once, hashed always."""

import os

import pytest
from huggingface_hub import constants

from keras_attention import zoo
from keras_attention.zoo import hub as ours
from tests import fake_hub

from .parity import timm_folder

REPO = "timm/test_resnet.r160_in1k"
FILES = ("config.json", "model.safetensors")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    timm_folder(folder, "test_resnet")
    return folder


@pytest.fixture
def hub(checkpoint, tmp_path):
    with fake_hub.connected(tmp_path) as hub:
        hub.add(REPO, checkpoint, tag="v1")
        hub.add("someone/tuned", checkpoint, tag="v1")
        yield hub


def fetch(revision=None):
    return ours.fetch(REPO, FILES, revision)


def test_a_file_is_fetched_once(hub, checkpoint):
    folder = fetch()
    for name in FILES:
        assert (folder / name).read_bytes() == (checkpoint / name).read_bytes()
    assert len(hub.asked("/resolve/", "GET")) == 2
    hub.requests.clear()
    fetch()
    assert not hub.asked(method="GET")


def test_a_pinned_commit_needs_no_network_once_cached(hub):
    fetch(hub.head(REPO))
    hub.requests.clear()
    fetch(hub.head(REPO))
    assert hub.requests == []


def test_a_damaged_download_is_fetched_again(hub, checkpoint):
    fault = hub.fault(FILES[0], flip=True, times=1)
    assert (fetch() / FILES[0]).read_bytes() == (checkpoint / FILES[0]).read_bytes()
    assert fault.times == 0


def test_a_download_that_stays_damaged_is_refused(hub):
    hub.fault(FILES[0], flip=True, times=2)
    with pytest.raises(zoo.IntegrityError, match=r"config.json is not what the Hub says it is"):
        fetch()


@pytest.mark.parametrize("name", FILES)
def test_a_file_damaged_in_the_cache_is_fetched_again(hub, checkpoint, name):
    commit = hub.head(REPO)
    path = fetch(commit) / name
    with open(os.path.realpath(path), "r+b") as file:  # noqa: PTH123
        file.write(b"?")
    assert (fetch(commit) / name).read_bytes() == (checkpoint / name).read_bytes()


def test_unknown_repositories_revisions_and_files(hub):
    with pytest.raises(zoo.UnknownModelError, match="The Hub has no timm/nothing/config.json"):
        ours.fetch("timm/nothing", FILES)
    with pytest.raises(zoo.UnknownModelError, match=f"no {REPO}@v9/config.json"):
        fetch("v9")
    with pytest.raises(zoo.UnknownModelError, match=r"no someone/tuned/other.bin"):
        ours.fetch("someone/tuned", ("other.bin",))
    with pytest.raises(zoo.UnknownModelError, match="Hub has no a b"):
        ours.fetch("a b", FILES)


def test_without_connection_the_remedy_is_named(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(zoo.HubError, match="not in the cache and the Hub cannot be reached"):
        fetch()


def test_load_takes_a_repository(hub):
    model = zoo.load("hf://someone/tuned", input_shape=(32, 32, 3))
    assert model.output_shape == (None, 1000)
    assert zoo.load("hf://someone/tuned@v1", num_classes=0).output_shape[-1] > 0
