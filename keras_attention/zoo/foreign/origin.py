"""Weights that others publish as a zipped torch file: fetched, checked, converted once and kept."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import CacheError, HubError, IntegrityError
from ..hub.errors import UNWRITABLE
from .torch_file import read_pth

# Raised when a rule changes, so that what an older version converted is not used.
CONVERTER = 1
# A torch file of more bytes is refused before it is unpacked.
LARGEST = 1_000_000_000
# The end of the names of what is not finished. After a day nobody is at work on it any more.
UNFINISHED, DAY = ".part", 86_400


Convert = Callable[[Mapping[str, np.ndarray]], Mapping[str, Any]]


def weights(origin: Mapping[str, Any], convert: Convert) -> pathlib.Path:
    """The path of a safetensors file with our weights, made from the origin the first time.

    Args:
        origin: `url` of a zip file, `member` in it, and that member's `sha1`.
        convert: From the arrays of the torch file to ours, by path.
    Raises: HubError if the file cannot be fetched; IntegrityError if it is not the published one;
        ConversionError without torch, which is needed once to read the file; CacheError where
        nothing can be written.
    """
    path = _place(origin)
    folder = path.parent
    _sweep(folder)
    if is_good(path, origin):
        return path
    with _alone(path):
        if not is_good(path, origin):  # nobody else made it meanwhile
            with _workplace(folder) as place:
                content = _member(_download(origin["url"], place), origin)
            _write(path, convert(read_pth(content, origin["member"])), origin)
    return path


def weights_meanwhile(origin: Mapping[str, Any]) -> Callable[[Convert], pathlib.Path]:
    """Like `weights`, but what was kept is hashed while the caller does something else.

    Returns: A function of `convert` that gives the path.
    """
    path = _place(origin)
    _sweep(path.parent)
    hashing = concurrent.futures.ThreadPoolExecutor(1)
    good = hashing.submit(is_good, path, origin)
    hashing.shutdown(wait=False)
    return lambda convert: path if good.result() else weights(origin, convert)


def _place(origin: Mapping[str, Any]) -> pathlib.Path:
    return cache() / f"{pathlib.Path(origin['member']).stem}.safetensors"


def cache() -> pathlib.Path:
    """The folder of converted weights: keras_attention in Keras's own folder."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")  # noqa: PTH111, PTH118
    return pathlib.Path(home) / "keras_attention"


@contextlib.contextmanager
def _alone(path: pathlib.Path) -> Iterator[None]:
    """Wait while another process makes the same file."""
    from huggingface_hub.utils import WeakFileLock

    with _writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with _writing(path.parent):
            stack.enter_context(WeakFileLock(path.with_name(f".{path.stem}.lock")))
        yield


def _sweep(folder: pathlib.Path) -> None:
    """Delete what processes that were killed have left behind."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError):  # somebody else deletes it, or nobody may
            if path.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def _workplace(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder of this process alone: others may fetch the same file."""
    with _writing(folder):
        place = tempfile.mkdtemp(UNFINISHED, ".", folder)
    try:
        yield pathlib.Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
    """Raise this library's error in a block that writes below `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise CacheError(
            error.errno,
            f"Converted weights cannot be written into {folder}: {error}. KERAS_HOME names another "
            "place",
        ) from error


def _download(url: str, place: pathlib.Path) -> pathlib.Path:
    import keras

    try:
        with _writing(place.parent):
            path = keras.utils.get_file(
                url.rpartition("/")[2], url, cache_dir=str(place.parent), cache_subdir=place.name
            )
    except CacheError:
        raise
    except Exception as error:  # Keras raises a bare Exception for an address it cannot reach
        raise HubError(f"{url} could not be fetched: {error}") from error
    return pathlib.Path(path)


def _member(archive: pathlib.Path, origin: Mapping[str, Any]) -> bytes:
    """The published file in the archive, if its hash is right."""
    try:
        with zipfile.ZipFile(archive) as opened:
            size = opened.getinfo(origin["member"]).file_size
            if size > LARGEST:
                raise IntegrityError(f"{origin['url']}: {origin['member']} would have {size} bytes")
            content = opened.read(origin["member"])
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise IntegrityError(
            f"What came from {origin['url']} does not hold {origin['member']!r}: {error}. It was "
            "deleted; load again to fetch it again."
        ) from error
    actual = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if actual != origin["sha1"]:
        raise IntegrityError(
            f"{origin['url']} is not the published file. Expected SHA-1 {origin['sha1']} of "
            f"{origin['member']}. Received: {actual}"
        )
    return content


def _write(path: pathlib.Path, arrays: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """The weights, and beside them what they were made from and their hash."""
    from safetensors.numpy import save

    metadata = {"source_sha1": origin["sha1"], "converter": str(CONVERTER)}
    given = {key: np.array(array, order="C") for key, array in arrays.items()}
    content = save(given, metadata)
    note = {**metadata, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    with _writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
        _replace(path.with_suffix(".json"), json.dumps(note).encode("utf-8"))


def _replace(path: pathlib.Path, content: bytes) -> None:
    """Write beside, then put in place: nobody ever sees half a file."""
    handle, beside = tempfile.mkstemp(UNFINISHED, ".", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        pathlib.Path(beside).unlink(missing_ok=True)
        raise


def is_good(path: pathlib.Path, origin: Mapping[str, Any]) -> bool:
    """Whether converted weights are there, of this origin and converter, and undamaged."""
    try:
        note = json.loads(path.with_suffix(".json").read_text("utf-8"))
        wanted = {"source_sha1": origin["sha1"], "converter": str(CONVERTER)}
        if any(note.get(key) != value for key, value in wanted.items()):
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == note["sha256"]
    except (OSError, ValueError, AttributeError, KeyError):
        return False
