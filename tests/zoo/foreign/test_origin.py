"""Weights from zipped torch files: checked, converted once, kept."""

import dataclasses
import hashlib
import io
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest

from keras_attention import models, zoo
from keras_attention.zoo import index
from keras_attention.zoo.foreign import origin, torch_file
from tests.zoo import parity

MEMBER = "net-0505-abc.pth"


def pth(arrays):
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, stream)
    return stream.getvalue()


class Publisher:
    """Stands for the address: hands out an archive and counts."""

    def __init__(self, content, member=MEMBER):
        self.calls = 0
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(member, content)
        self.archive = stream.getvalue()
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.origin = {"url": "https://example.org/net.pth.zip", "member": MEMBER, "sha1": sha1}

    def get_file(self, name, url, cache_dir, cache_subdir):
        import pathlib

        self.calls += 1
        path = pathlib.Path(cache_dir) / cache_subdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.archive)
        return str(path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras_attention"


@pytest.fixture
def publisher(home, monkeypatch):
    publisher = Publisher(pth({"a.weight": np.arange(6.0, dtype="float32").reshape(2, 3)}))
    monkeypatch.setattr(keras.utils, "get_file", publisher.get_file)
    return publisher


def kept(folder):
    """The names of what is there, but for what processes wait at."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def convert(state):
    return {"a/kernel": state["a.weight"].T}


def read(path):
    from safetensors.numpy import load_file

    return load_file(path)


def test_is_converted_once_and_kept(publisher, home):
    path = origin.weights(publisher.origin, convert)
    np.testing.assert_array_equal(read(path)["a/kernel"], [[0, 3], [1, 4], [2, 5]])
    assert origin.weights(publisher.origin, convert) == path
    assert publisher.calls == 1
    names = kept(home)
    assert names == ["net-0505-abc.json", "net-0505-abc.safetensors"]
    note = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert note["source_sha1"] == publisher.origin["sha1"]
    assert note["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_damage_in_the_cache_is_repaired(publisher):
    path = origin.weights(publisher.origin, convert)
    good = read(path)["a/kernel"]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = origin.weights(publisher.origin, convert)
    np.testing.assert_array_equal(read(again)["a/kernel"], good)
    assert publisher.calls == 2


def test_another_converter_converts_again(publisher, monkeypatch):
    origin.weights(publisher.origin, convert)
    monkeypatch.setattr(origin, "CONVERTER", origin.CONVERTER + 1)
    origin.weights(publisher.origin, convert)
    assert publisher.calls == 2


def test_another_file_than_the_published_is_refused(publisher, home):
    publisher.origin["sha1"] = "0" * 40
    with pytest.raises(zoo.IntegrityError, match="Expected SHA-1 0000.*Received: "):
        origin.weights(publisher.origin, convert)
    assert kept(home) == []


def test_an_archive_that_is_none_is_refused(publisher, home):
    publisher.archive = b"<html>log in</html>"
    with pytest.raises(zoo.IntegrityError, match="does not hold 'net-0505-abc.pth'"):
        origin.weights(publisher.origin, convert)
    assert kept(home) == []


def test_an_archive_without_the_file_is_refused(publisher):
    publisher.archive = Publisher(b"x", member="../evil.pth").archive
    with pytest.raises(zoo.IntegrityError, match="There is no item named"):
        origin.weights(publisher.origin, convert)


def test_an_archive_that_would_fill_the_memory_is_refused(publisher, monkeypatch):
    monkeypatch.setattr(origin, "LARGEST", 10)
    with pytest.raises(zoo.IntegrityError, match="would have"):
        origin.weights(publisher.origin, convert)


def test_a_pickle_is_not_executed(home, monkeypatch, tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'evil')!r}, 'w')",))

    publisher = Publisher(pickle.dumps({"a": Evil()}))
    monkeypatch.setattr(keras.utils, "get_file", publisher.get_file)
    with pytest.raises(zoo.ConversionError, match="no torch file of weights"):
        origin.weights(publisher.origin, convert)
    assert not (tmp_path / "evil").exists()


def test_a_file_of_something_else_is_refused():
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save([1, 2], stream)
    with pytest.raises(zoo.ConversionError, match="must hold a dict of tensors"):
        torch_file.read_pth(stream.getvalue(), "file")


def test_an_old_torch_is_refused(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    with pytest.raises(zoo.ConversionError, match="torch >= 2.10.*Received: torch 2.9.1"):
        torch_file.read_pth(b"", "file")


def test_a_failed_download_is_a_hub_error(home, monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(zoo.HubError, match="example.org.*could not be fetched: URL fetch failure"):
        origin.weights({"url": "https://example.org/x", "member": MEMBER, "sha1": ""}, convert)


def test_a_conversion_that_fails_leaves_nothing(publisher, home):
    def fails(state):
        raise zoo.ConversionError("no")

    with pytest.raises(zoo.ConversionError):
        origin.weights(publisher.origin, fails)
    assert kept(home) == []


def test_a_published_name_loads(home, monkeypatch):
    """With random weights in the published file's place, under its name and layout."""
    name = "resnet50_cbam"
    entry = zoo.info(name)
    source = parity.pytorchcv_model(entry)
    state = {key: tensor.numpy() for key, tensor in source.state_dict().items()}
    publisher = Publisher(pth(state), member=entry.origin["member"])
    origin_of = {**entry.origin, "sha1": publisher.origin["sha1"]}
    monkeypatch.setattr(keras.utils, "get_file", publisher.get_file)
    monkeypatch.setattr(index, "info", lambda _: dataclasses.replace(entry, origin=origin_of))
    model = zoo.load(name, input_shape=(64, 64, 3))
    assert parity.error(model, source, (64, 64)) <= parity.LIMIT
    assert models.labels(model)[0] == "tench"
    tuned = zoo.load(name, input_shape=(64, 64, 3), num_classes=4)
    assert tuned.output_shape == (None, 4) and publisher.calls == 1
