import dataclasses
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from keras_attention import zoo
from keras_attention.zoo import index, loading
from keras_attention.zoo.files import integrity

NAME = "resnet18w16_cbam_cifar10"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The shipped weight file in a folder of its own, which `load` reads."""
    source = loading.WEIGHTS / zoo.info(NAME).file
    path = tmp_path / source.name
    shutil.copy(source, path)
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    return path


def test_a_good_copy_loads(copied):
    assert zoo.load(NAME).count_params() > 700_000


def test_truncated(copied):
    content = copied.read_bytes()
    copied.write_bytes(content[:-1])
    message = f"{NAME}.*Expected {len(content)} bytes.*Received: {len(content) - 1} bytes"
    with pytest.raises(zoo.IntegrityError, match=message):
        zoo.load(NAME)


@pytest.mark.parametrize("place", [0, 700_000, -1])
def test_one_bit_flipped(copied, place):
    content = bytearray(copied.read_bytes())
    content[place] ^= 1
    copied.write_bytes(content)
    expected = zoo.info(NAME).sha256
    with pytest.raises(zoo.IntegrityError, match=f"{expected}.*Received: SHA-256 [0-9a-f]{{64}}"):
        zoo.load(NAME)


def test_missing(copied):
    copied.unlink()
    with pytest.raises(zoo.IntegrityError, match=f"{copied.name} cannot be read"):
        zoo.load(NAME)
    with pytest.raises(zoo.IntegrityError):
        zoo.load(NAME, num_classes=3)


def test_a_folder_in_place_of_the_file(copied):
    copied.unlink()
    copied.mkdir()
    with pytest.raises(zoo.IntegrityError, match=copied.name):
        zoo.load(NAME)


def test_bytes_are_hashed_before_they_are_parsed(copied, monkeypatch):
    copied.write_bytes(copied.read_bytes()[:-1] + b"!")
    monkeypatch.setattr(loading.weight_files, "parse", lambda *_: pytest.fail("parsed"))
    with pytest.raises(zoo.IntegrityError):
        zoo.load(NAME)


def changed(path, monkeypatch, change):
    """Put a file with a right hash and changed arrays in place."""
    arrays = load_file(path)
    change(arrays)
    content = save(arrays)
    path.write_bytes(content)
    sha256 = integrity.hashlib.sha256(content).hexdigest()
    entry = dataclasses.replace(zoo.info(NAME), size=len(content), sha256=sha256)
    monkeypatch.setattr(index, "_read", lambda: {NAME: entry})


def test_missing_and_left_over_keys_are_both_named(copied, monkeypatch):
    def rename(arrays):
        arrays["stem_conv/kernal"] = arrays.pop("stem_conv/kernel")

    changed(copied, monkeypatch, rename)
    with pytest.raises(zoo.WeightsError, match="Missing.*conv/kernel.*Left over.*conv/kernal"):
        zoo.load(NAME)


def test_wrong_shape(copied, monkeypatch):
    def cut(arrays):
        arrays["logits/bias"] = arrays["logits/bias"][:9]

    changed(copied, monkeypatch, cut)
    with pytest.raises(zoo.WeightsError, match=r"logits/bias \(9,\) for \(10,\)"):
        zoo.load(NAME)


def test_not_finite(copied, monkeypatch):
    def poison(arrays):
        arrays["logits/bias"][3] = np.nan

    changed(copied, monkeypatch, poison)
    with pytest.raises(zoo.WeightsError, match="not finite in 'logits/bias'"):
        zoo.load(NAME)


def test_no_safetensors_at_all(copied, monkeypatch):
    content = b"not a weight file"
    copied.write_bytes(content)
    sha256 = integrity.hashlib.sha256(content).hexdigest()
    entry = dataclasses.replace(zoo.info(NAME), size=len(content), sha256=sha256)
    monkeypatch.setattr(index, "_read", lambda: {NAME: entry})
    with pytest.raises(zoo.IntegrityError, match="not a readable safetensors file"):
        zoo.load(NAME)
