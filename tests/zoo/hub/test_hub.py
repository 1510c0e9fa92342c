"""Checkpoints of repositories: fetched once, hashed always."""

import errno
import hashlib
import os
import shutil
import socket
import threading
import time

import numpy as np
import pytest
from huggingface_hub import constants

from keras_attention import models, zoo
from keras_attention.zoo import hub as ours
from keras_attention.zoo.files.manifest import File
from keras_attention.zoo.foreign import checkpoint as tensors
from tests import fake_hub
from tests.zoo.parity import timm_folder

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


def fetch(revision=None, repo=REPO, files=FILES, pins=None, **options):
    access = ours.Access(revision, **options)
    return ours.fetch(repo, files, ours.resolve(repo, files, access), access, pins)


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
    with pytest.raises(zoo.IntegrityError, match="config.json at .* is not the published file"):
        fetch()


@pytest.mark.parametrize("name", FILES)
def test_a_file_damaged_in_the_cache_is_fetched_again(hub, checkpoint, name):
    commit = hub.head(REPO)
    path = fetch(commit) / name
    with open(os.path.realpath(path), "r+b") as file:  # noqa: PTH123
        file.write(b"?")
    assert (fetch(commit) / name).read_bytes() == (checkpoint / name).read_bytes()


def test_unknown_repositories_revisions_and_files(hub):
    with pytest.raises(zoo.NotFoundError, match="The Hub has no timm/nothing"):
        fetch(repo="timm/nothing")
    with pytest.raises(zoo.NotFoundError, match=f"no {REPO}@v9"):
        fetch("v9")
    with pytest.raises(zoo.NotFoundError, match=r"no someone/tuned/other.bin"):
        fetch(repo="someone/tuned", files=("other.bin",))
    with pytest.raises(zoo.UnknownModelError, match="Hub has no a b"):
        fetch(repo="a b")


def test_without_connection_the_remedy_is_named(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(zoo.OfflineError, match="not in the cache and the Hub cannot be reached"):
        fetch()


def test_load_takes_a_repository(hub):
    model = zoo.load("hf://someone/tuned", input_shape=(32, 32, 3))
    assert model.output_shape == (None, 1000)
    assert zoo.load("hf://someone/tuned@v1", num_classes=0).output_shape[-1] > 0


def small(name="hf://someone/tuned", **options):
    return zoo.load(name, input_shape=(32, 32, 3), **options)


def assert_equal(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_model_is_built_while_its_file_is_hashed_and_the_file_is_opened_after(hub, monkeypatch):
    built, order = threading.Event(), []
    build, is_intact, opened = models.build, ours.is_intact, tensors.opened

    def hashed(path, *arguments):
        if path.name == FILES[1]:
            order.append("waited" if built.wait(60) else "never built")
            time.sleep(0.5)  # who does not wait for the hash opens the file now
            order.append("hashed")
        return is_intact(path, *arguments)

    def made(*arguments, **options):
        model = build(*arguments, **options)
        built.set()
        return model

    monkeypatch.setattr(models, "build", made)
    monkeypatch.setattr(ours.fetching, "is_intact", hashed)
    monkeypatch.setattr(tensors, "opened", lambda path: order.append("opened") or opened(path))
    small()
    assert order == ["waited", "hashed", "opened"]


def test_tensors_that_stay_damaged_are_never_opened(hub, monkeypatch):
    hub.fault(FILES[1], flip=True, times=2)
    monkeypatch.setattr(tensors, "opened", lambda path: pytest.fail("opened"))
    with pytest.raises(zoo.IntegrityError, match=f"{FILES[1]} at .* is not the published"):
        small()


def test_the_tensors_are_those_of_the_description(hub, checkpoint, tmp_path, monkeypatch):
    """Whatever is published between the download of the one and of the other."""
    fetched, commit = ours.fetch, hub.head("someone/tuned")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / FILES[1]).write_bytes(b"another")

    def then_published(*arguments):
        folder = fetched(*arguments)
        hub.add("someone/tuned", tmp_path / "later")
        return folder

    monkeypatch.setattr(ours, "fetch", then_published)
    small()
    assert hub.head("someone/tuned") != commit


def test_what_is_cached_is_used_without_asking(hub, checkpoint, tmp_path):
    first = fetch()
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / FILES[0]).write_bytes(b"{}")
    (tmp_path / "newer" / FILES[1]).write_bytes((checkpoint / FILES[1]).read_bytes())
    newer = hub.add(REPO, tmp_path / "newer")
    hub.requests.clear()
    assert fetch() == first and not hub.requests
    assert fetch("main").name == newer and fetch().name == newer
    assert fetch("v1") == first


def test_what_is_cached_in_part_is_asked_for(hub, checkpoint, tmp_path):
    fetch(files=FILES[:1])
    (tmp_path / "newer").mkdir()
    for name in FILES:
        (tmp_path / "newer" / name).write_bytes((checkpoint / name).read_bytes() + b" ")
    newer = hub.add(REPO, tmp_path / "newer")
    assert fetch().name == newer


def test_pins_are_what_counts(hub, checkpoint):
    content = (checkpoint / FILES[0]).read_bytes()
    good = File(hashlib.sha256(content).hexdigest(), len(content))
    assert fetch(files=FILES[:1], pins={FILES[0]: good}).is_dir()
    for wrong in (File("0" * 64, len(content)), File(good.sha256, 1)):
        with pytest.raises(zoo.IntegrityError, match=f"Expected {wrong.size} bytes with SHA-256"):
            fetch(files=FILES[:1], pins={FILES[0]: wrong})


def test_a_connection_that_is_reset_is_tried_again(hub, checkpoint, monkeypatch):
    naps = []
    monkeypatch.setattr(ours.fetching, "pause", naps.append)
    hub.fault(FILES[0], method="GET", reset=3, times=2)
    assert (fetch(files=FILES[:1]) / FILES[0]).read_bytes() == (checkpoint / FILES[0]).read_bytes()
    assert naps == [1.0, 3.0]
    hub.fault(FILES[1], method="GET", reset=3)
    with pytest.raises(zoo.HubError, match=f"{FILES[1]} at .*the connection broke"):
        fetch()


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"status": 500}, zoo.HubError, "does not give|could not be fetched|cannot be reached"),
        ({"status": 401}, zoo.AccessError, "does not give"),
        ({"status": 403}, zoo.AccessError, "does not give"),
        ({"page": b"<html>log in</html>"}, zoo.HubError, "could not be fetched|cannot be reached"),
    ],
    ids=str,
)
def test_a_hub_that_fails(hub, fault, error, message):
    commit = hub.head(REPO)
    hub.fault(FILES[0], **fault)
    with pytest.raises(error, match=message):
        fetch(commit)


@pytest.mark.parametrize("token", [None, False])
def test_a_gated_repository(hub, token):
    hub.repos["someone/tuned"].gated = True
    with pytest.raises(zoo.AccessError, match=r"asks for terms to be accepted.*hf auth login"):
        small(token=token)
    hub.repos["someone/tuned"].gated = False
    first = small(token=token)
    hub.repos["someone/tuned"].gated = True
    assert_equal(small(token=token), first)


def test_a_repository_that_is_gone(hub):
    first, commit = small(), hub.head("someone/tuned")
    del hub.repos["someone/tuned"]
    assert_equal(small(), first)
    assert_equal(small(f"hf://someone/tuned@{commit}"), first)
    zoo.remove_cached("someone/tuned")
    for name in ("hf://someone/tuned", f"hf://someone/tuned@{commit}", "hf://someone/tuned@v1"):
        with pytest.raises(zoo.NotFoundError, match="The Hub has no someone/tuned"):
            small(name)


@pytest.mark.parametrize("revision", [None, "v1", "commit"])
def test_a_repository_with_another_name(hub, tmp_path, revision):
    """The Hub sends whoever asks by the old one to the new one, and on to its large files."""
    first = small(cache_dir=tmp_path / "before")
    hub.rename("someone/tuned", "other/tuned")
    hub.redirect = True
    hub.requests.clear()
    given = hub.head("other/tuned") if revision == "commit" else revision
    assert_equal(small(revision=given), first)
    assert hub.asked("/someone/tuned/") and hub.asked("/other/tuned/")
    assert [one.token for one in hub.asked(server="cdn")] == [None]
    hub.repos["other/tuned"].private = True
    with pytest.raises(zoo.NotFoundError, match="The Hub has no someone/tuned"):
        small(revision=given, token=False, cache_dir=tmp_path / "cold")


def test_only_what_is_here(hub, tmp_path):
    with pytest.raises(zoo.OfflineError):
        fetch(hub.head(REPO), local_files_only=True)
    first = fetch()
    assert fetch(local_files_only=True) == first
    elsewhere = fetch(cache_dir=tmp_path / "elsewhere")
    assert elsewhere.is_relative_to(tmp_path / "elsewhere")
    path = first / FILES[0]
    path.resolve().write_bytes(b"?")
    with pytest.raises(zoo.IntegrityError, match="With local_files_only=False it would be fetched"):
        fetch(local_files_only=True)


def test_a_full_disk_is_told_before(hub, checkpoint, monkeypatch):
    content = (checkpoint / FILES[0]).read_bytes()
    pins = {FILES[0]: File(hashlib.sha256(content).hexdigest(), len(content))}
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(ours.fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(zoo.CacheError, match="has 1000 bytes free.*HF_HOME or cache_dir="):
        fetch(files=FILES[:1], pins=pins)
    assert not hub.asked(FILES[0])


def test_a_cache_that_cannot_be_written(hub, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(zoo.CacheError, match="cannot be written into the cache"):
        fetch()


def test_a_cache_without_links_asks_the_hub_for_hashes(hub, checkpoint, monkeypatch):
    """On some file systems the client keeps real files, whose names are no hashes."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    folder = fetch()
    assert not any(path.is_symlink() for path in folder.iterdir())
    hub.requests.clear()
    assert fetch() == folder
    assert hub.asked("/tree/") and not hub.asked("/resolve/", "GET")
    (folder / FILES[0]).write_bytes(b"?")
    assert (fetch() / FILES[0]).read_bytes() == (checkpoint / FILES[0]).read_bytes()
    with pytest.raises(zoo.OfflineError, match="this cache keeps no hashes"):
        fetch(local_files_only=True)


def test_whether_a_file_is_there_is_asked_once(hub):
    access, commit = ours.Access(), hub.head(REPO)
    assert not ours.has(REPO, "other.json", commit, access)
    hub.requests.clear()
    assert not ours.has(REPO, "other.json", commit, access) and not hub.requests
    assert ours.has(REPO, FILES[0], commit, access)
    with pytest.raises(zoo.NotFoundError):
        ours.has("timm/nothing", FILES[0], commit, access)


def test_what_another_program_fetched_loads_without_a_connection(hub, monkeypatch):
    fetch(repo="someone/tuned")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert small().output_shape == (None, 1000)
    with pytest.raises(zoo.OfflineError, match="someone/other"):
        small("hf://someone/other")


def test_a_model_of_the_package_has_no_revisions():
    for name, options in [("resnet18w16_cifar10@v1", {}), ("resnet50_cbam", {"revision": "v1"})]:
        with pytest.raises(ValueError, match="Only models of the Hub have revisions.*'v1'"):
            zoo.load(name, **options)


@pytest.mark.parametrize("name", ["./nothing", "nothing.pth", "/nothing/here"])
def test_a_path_that_is_not_there(name):
    with pytest.raises(zoo.UnknownModelError, match=f"no such file or folder.*{name}"):
        zoo.load(name)


def test_two_revisions_are_one_too_many():
    with pytest.raises(ValueError, match="Two revisions. Received: name='hf://a/b@v1'"):
        zoo.load("hf://a/b@v1", revision="v2")


def test_shipped_and_cached_models_open_no_connection(hub):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    small()
    hub.requests.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        assert small().output_shape == (None, 1000)
        assert zoo.load("resnet18w16_cifar10").output_shape == (None, 10)
    assert hub.requests == []  # nor was one used that was open
    zoo.load("hf://someone/tuned", revision="main", input_shape=(32, 32, 3))
    assert hub.requests
