"""Headers of safetensors files that lie are refused before anything else reads the file."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from keras_attention.zoo.errors import IntegrityError
from keras_attention.zoo.files import header


def entry(shape, start, dtype="F32", end=None):
    size = 4 * int(np.prod(shape)) if end is None else end - start
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, start + size]}


def file_of(entries, data=0, text=None):
    content = (text or json.dumps(entries)).encode()
    return struct.pack("<Q", len(content)) + content + b"\0" * data


def refuse(path, content, message):
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=message):
        header.read(path)


def test_shapes_of_a_real_file(tmp_path):
    arrays = {"a/kernel": np.zeros((2, 3), "float32"), "b": np.zeros((), "float16")}
    (tmp_path / "f").write_bytes(save(arrays, {"format": "1"}))
    assert header.read(tmp_path / "f") == {"a/kernel": ("F32", (2, 3)), "b": ("F16", ())}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable safetensors file"),
        (b"\1\2", "not a readable safetensors file"),
        (struct.pack("<Q", 2**60), "its header is too large.*Received: 1152921504606846976"),
        (struct.pack("<Q", 10**6) + b"{}", "not a readable safetensors file"),
        (b"\x80\x04K*." + b"\0" * 90, "safetensors file|header is too large"),
        (file_of({"a": entry((2,), 0)}, data=7), "the header speaks of 8 bytes. Received: 7"),
        (file_of({"a": entry((2,), 0)}, data=9), "the header speaks of 8 bytes. Received: 9"),
        (file_of({"a": entry((2,), 4)}, data=12), "data from byte 0 to 4 belong to no or to two"),
        (file_of({"a": entry((2,), 0), "b": entry((2,), 4)}, 12), "belong to no or to two"),
        (file_of({"a": entry((2**40, 2**40), 0, end=8)}, 8), "cannot have 8 bytes"),
        (file_of({"a": entry((-2,), 0, end=8)}, 8), "has no shape"),
        (file_of({"a": entry((True, 2), 0, end=8)}, 8), "has no shape"),
        (file_of({"a": entry((2,), 0, "OBJECT")}, 8), "'OBJECT' cannot have 8 bytes"),
        (file_of({"../../a": entry((2,), 0)}, 8), "is no name of a tensor"),
        (file_of({"..\\a": entry((2,), 0)}, 8), "is no name of a tensor"),
        (file_of({"/a": entry((2,), 0)}, 8), "is no name of a tensor"),
        (file_of({"a\n": entry((2,), 0)}, 8), "is no name of a tensor"),
        (file_of({"a" * 600: entry((2,), 0)}, 8), "is no name of a tensor"),
        (file_of({"a": [1]}, 8), "not a readable safetensors file"),
        (file_of({"__metadata__": [1]}), "not a readable safetensors file"),
        (file_of({"__metadata__": {"a": 1}}), "not a readable safetensors file"),
        (file_of({"__metadata__": {"a": "x" * 2_000_000}}), "its metadata is too large"),
        (file_of(None, 8, '{"a": {}, "a": {}}'), "'a' occurs twice"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_are_refused(tmp_path, content, message):
    refuse(tmp_path / "f", content, message)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(IntegrityError, match="nothing.safetensors is not a readable"):
        header.read(tmp_path / "nothing.safetensors")
