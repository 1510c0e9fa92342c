"""Checkpoints of repositories: fetched once, hashed always."""

import os

import pytest
from huggingface_hub import constants

from keras_attention import zoo
from keras_attention.zoo import hub as ours

from .loopback import COMMIT, running
from .parity import timm_folder

REPO = "timm/test_resnet.r160_in1k"
FILES = ("config.json", "model.safetensors")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    timm_folder(folder, "test_resnet")
    return folder


@pytest.fixture
def hub(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with running() as hub:
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        hub.add(REPO, checkpoint)
        hub.add("someone/tuned", checkpoint)
        yield hub


def fetch(revision=None):
    return ours.fetch(REPO, FILES, revision)


def test_a_file_is_fetched_once(hub, checkpoint):
    folder = fetch()
    for name in FILES:
        assert (folder / name).read_bytes() == (checkpoint / name).read_bytes()
    bodies = [path for method, path in hub.requests if method == "GET"]
    assert len([path for path in bodies if "/resolve/" in path]) == 2
    fetch()
    assert [path for method, path in hub.requests if method == "GET"] == bodies


def test_a_pinned_commit_needs_no_network_once_cached(hub):
    fetch(COMMIT)
    before = len(hub.requests)
    fetch(COMMIT)
    assert len(hub.requests) == before


def test_a_damaged_download_is_fetched_again(hub, checkpoint):
    hub.damage = 1
    assert (fetch() / FILES[0]).read_bytes() == (checkpoint / FILES[0]).read_bytes()
    assert hub.damage == 0


def test_a_download_that_stays_damaged_is_refused(hub):
    hub.damage = 2
    with pytest.raises(zoo.IntegrityError, match=r"config.json is not what the Hub says it is"):
        fetch()


@pytest.mark.parametrize("name", FILES)
def test_a_file_damaged_in_the_cache_is_fetched_again(hub, checkpoint, name):
    path = fetch(COMMIT) / name
    with open(os.path.realpath(path), "r+b") as file:  # noqa: PTH123
        file.write(b"?")
    assert (fetch(COMMIT) / name).read_bytes() == (checkpoint / name).read_bytes()


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
