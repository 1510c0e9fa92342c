"""What a published model says of itself: keras_attention.json."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from packaging.version import InvalidVersion, Version

from .. import kinds
from ..errors import ManifestError, UnsafePathError, VersionError
from . import plain_json

NAME = "keras_attention.json"
FORMAT = 1

# Kinds of files that are looked into, all of which hold data only.
SUFFIXES = (".json", ".safetensors", ".txt", ".md")
PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")

# No architecture here comes near these; without them a description could ask for any memory.
LARGEST_NUMBER, LONGEST_LIST, MOST_BLOCKS = 65_536, 10_000, 512
MOST_PARAMETERS = 3_000_000_000


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a repository: its SHA-256 and its size in bytes."""

    sha256: str
    size: int


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A published model.

    `architecture` tells which kind of `kinds` it is. `kwargs` are the arguments of what builds it,
    but for preprocessing and labels. `files` are those that a loader reads. `golden` holds what the
    model makes of a made-up input, as its kind has it.
    """

    name: str
    architecture: str
    kwargs: Mapping[str, Any]
    files: Mapping[str, File]
    input: Mapping[str, Any]
    num_classes: int
    parameters: int
    licence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe: str | None = None
    metrics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    golden: tuple[float, ...] = ()
    min_version: str = "0.1.0"
    format: int = FORMAT


def serialise(manifest: Manifest) -> bytes:
    """The file of a manifest."""
    return (json.dumps(dataclasses.asdict(manifest), indent=1) + "\n").encode("utf-8")


def parse(content: bytes, source: str) -> Manifest:
    """The manifest in a file that others may have written.

    Raises: ManifestError where it is malformed or asks for more than any model needs; VersionError
        for a newer format; UnsafePathError for odd names of files; UnknownArchitectureError.
    """
    fields = plain_json.parse(content, source)
    _check_version(fields, source)
    known = {field.name for field in dataclasses.fields(Manifest)}
    if unknown := sorted(fields.keys() - known):
        raise ManifestError(f"{source} has unknown fields: {unknown}. Known: {sorted(known)}")
    try:
        fields["files"] = {path: _file(path, entry) for path, entry in fields["files"].items()}
        fields["golden"] = tuple(float(value) for value in fields.get("golden", ()))
        manifest = Manifest(**fields)
        _check_types(manifest)
    except ManifestError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ManifestError(f"{source} does not describe a model: {error!r}") from error
    _check_model(manifest, source)
    return manifest


def _check_version(fields: Mapping, source: str) -> None:
    from ... import __version__

    given, needed = fields.get("format"), fields.get("min_version", "0")
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ManifestError(f"{source}: format must be an integer >= 1. Received: format={given!r}")
    try:
        newer = Version(needed) > Version(__version__)
    except (InvalidVersion, TypeError) as error:
        raise ManifestError(f"{source}: min_version is no version: {error}") from error
    if given > FORMAT or newer:
        raise VersionError(
            f"{source} is of format {given} and for version {needed} or later; this is version "
            f"{__version__}, which reads format {FORMAT}. `pip install -U keras-attention-zoo` may "
            "help."
        )


def _file(path: str, entry: Mapping) -> File:
    check_name(path)
    sha256, size = entry["sha256"], entry["size"]
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        raise ManifestError(f"The SHA-256 of {path} must be 64 hex digits. Received: {sha256!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ManifestError(f"The size of {path} must be a number of bytes. Received: {size!r}")
    return File(sha256, size)


def check_name(path: str) -> str:
    """A file's name, if it names data beside the manifest and nothing else."""
    if not PATTERN.fullmatch(path) or not path.endswith(SUFFIXES):
        raise UnsafePathError(
            f"No file of that name is opened. Expected a plain name that ends in one of "
            f"{list(SUFFIXES)}. Received: {path[:100]!r}"
        )
    return path


def _check_types(manifest: Manifest) -> None:
    for field, kind in {
        "name": str, "architecture": str, "kwargs": dict, "input": dict, "licence": dict,
        "origin": dict, "metrics": dict, "num_classes": int, "parameters": int,
    }.items():  # fmt: skip
        value = getattr(manifest, field)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{field} must be a {kind.__name__}. Received: {field}={value!r}")


def _check_model(manifest: Manifest, source: str) -> None:
    kinds.of(manifest.architecture, source)
    if not 0 <= manifest.parameters <= MOST_PARAMETERS:
        raise ManifestError(
            f"{source}: parameters must be at most {MOST_PARAMETERS}. "
            f"Received: parameters={manifest.parameters}"
        )
    _check_bounds({**manifest.kwargs, "num_classes": manifest.num_classes}, source)
    _check_bounds(manifest.input, source)
    depths = manifest.kwargs.get("depths", ())
    numbers = depths if isinstance(depths, list) else [depths]
    if sum(number for number in numbers if isinstance(number, int)) > MOST_BLOCKS:
        raise ManifestError(
            f"{source}: depths must be at most {MOST_BLOCKS} blocks. Received: depths={depths}"
        )


def _check_bounds(value: Any, source: str) -> None:
    """Refuse numbers and lists that no model has, however deep they are hidden."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        if len(value) > LONGEST_LIST:
            raise ManifestError(f"{source}: a list of {len(value)} values is too long")
        for one in value:
            _check_bounds(one, source)
    elif isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
        raise ManifestError(
            f"{source}: numbers of a model are at most {LARGEST_NUMBER}. Received: {value}"
        )
