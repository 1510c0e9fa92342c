"""Descriptions that others wrote are read with distrust."""

import dataclasses
import json

import pytest

from keras_attention.zoo.errors import (
    ManifestError,
    UnknownArchitectureError,
    UnsafePathError,
    VersionError,
)
from keras_attention.zoo.files import manifest, plain_json

FILE = {"sha256": "0" * 64, "size": 3}
GOOD = {
    "format": 1,
    "min_version": "0.1.0",
    "name": "mine",
    "architecture": "resnet18",
    "kwargs": {"attention": "cbam", "width": 16},
    "files": {"model.safetensors": FILE},
    "input": {"size": [32, 32]},
    "num_classes": 10,
    "parameters": 700_000,
}


def parse(fields):
    return manifest.parse(json.dumps(fields).encode(), "keras_attention.json")


def test_what_is_written_is_read():
    told = parse(GOOD)
    assert told.kwargs == GOOD["kwargs"] and told.files["model.safetensors"].size == 3
    assert manifest.parse(manifest.serialise(told), "again") == told
    full = dataclasses.replace(told, golden=(1.0, -2.5), metrics={"score": 0.9}, recipe="r")
    assert manifest.parse(manifest.serialise(full), "again") == full


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": 2}, VersionError, "is of format 2 .* reads format 1. .pip install -U"),
        ({"min_version": "99.0"}, VersionError, "for version 99.0 or later"),
        ({"min_version": "new"}, ManifestError, "min_version is no version"),
        ({"format": True}, ManifestError, "format must be an integer >= 1. Received: format=True"),
        ({"format": "1"}, ManifestError, "Received: format='1'"),
        ({"architecture": "resnet81"}, UnknownArchitectureError, "Did you mean 'resnet18'"),
        ({"architecture": "os.system"}, UnknownArchitectureError, "architecture='os.system'"),
        ({"architecture": ["resnet18"]}, ManifestError, "architecture must be a str"),
        ({"class": "Lambda"}, ManifestError, r"unknown fields: \['class'\]"),
        ({"kwargs": {"width": 10**10}}, ManifestError, "at most 65536. Received: 10000000000"),
        ({"kwargs": {"attention": {"type": "se", "hidden": 1e9}}}, ManifestError, "at most 65536"),
        ({"kwargs": {"depths": [200, 400]}}, ManifestError, "depths must be at most 512 blocks"),
        ({"kwargs": {"a": [0] * 20_000}}, ManifestError, "a list of 20000 values is too long"),
        ({"num_classes": 10**9}, ManifestError, "at most 65536"),
        ({"input": {"size": [10**9, 1]}}, ManifestError, "at most 65536"),
        ({"parameters": 10**13}, ManifestError, "parameters must be at most 3000000000"),
        ({"files": {"../evil.json": FILE}}, UnsafePathError, "Received: '../evil.json'"),
        ({"files": {"/etc/passwd": FILE}}, UnsafePathError, "Received: '/etc/passwd'"),
        ({"files": {"a\\b.json": FILE}}, UnsafePathError, "No file of that name"),
        ({"files": {"sub/a.json": FILE}}, UnsafePathError, "No file of that name"),
        ({"files": {"model.pkl": FILE}}, UnsafePathError, r"ends in one of \['.json'"),
        ({"files": {"pytorch_model.bin": FILE}}, UnsafePathError, "Received: 'pytorch_model.bin'"),
        ({"files": {"a.json": {"sha256": "xyz", "size": 1}}}, ManifestError, "64 hex digits"),
        ({"files": {"a.json": {**FILE, "size": -1}}}, ManifestError, "a number of bytes"),
        ({"files": {"a.json": {**FILE, "size": True}}}, ManifestError, "Received: True"),
        ({"files": ["a.json"]}, ManifestError, "does not describe a model"),
        ({"golden": [[1]]}, ManifestError, "does not describe a model"),
        ({"golden": ["x"]}, ManifestError, "does not describe a model"),
    ],
    ids=str,
)
def test_what_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        parse({**GOOD, **change})


@pytest.mark.parametrize("missing", sorted(GOOD.keys() - {"format", "min_version"}))
def test_every_field_is_needed(missing):
    with pytest.raises(ManifestError, match="does not describe a model"):
        parse({key: value for key, value in GOOD.items() if key != missing})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"[1, 2]", "must hold one JSON object. Received: list"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' occurs twice in one object"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "an integer of 5000 digits is too large"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply.*Received: 100001"),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', "too large. Expected at most 1000000 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_that_is_refused(content, message):
    with pytest.raises(ManifestError, match=message):
        plain_json.parse(content, "a file")


def test_brackets_in_text_are_no_nesting():
    text = '[{"' * 50 + "\\"
    assert plain_json.parse(json.dumps({"a": text}).encode(), "a file") == {"a": text}
