"""Models from folders that `publish` wrote: a manifest, and files that have its hashes."""

import concurrent.futures
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from . import hub, kinds
from .changes import Changes
from .errors import IntegrityError, ManifestError, UnsafePathError, WeightsError
from .files import header, integrity, manifest, plain_json, weights
from .files.manifest import Manifest
from .foreign import building, checkpoint
from .kinds import WEIGHTS


def is_in(folder: pathlib.Path) -> bool:
    """Whether a folder is one of ours."""
    return (folder / manifest.NAME).is_file()


def read(folder: pathlib.Path, links: bool = False) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest in a folder and the small files that it names, once their hashes are right.

    Args:
        folder: Where they are.
        links: Whether files may be links, as they are in the Hub's cache.
    Raises: ManifestError, UnsafePathError, VersionError or IntegrityError.
    """
    if not links:
        _refuse_links(folder, (manifest.NAME,))
    told = manifest.parse(_small(folder / manifest.NAME), str(folder / manifest.NAME))
    kind = kinds.of(told.architecture)
    if not links:
        _refuse_links(folder, kind.read)
    missing = [name for name in kind.read if name not in told.files]
    if missing:
        raise ManifestError(f"{folder / manifest.NAME} does not name {missing}")
    found = {}
    for name in kind.files:
        file = told.files[name]
        if file.size > plain_json.LARGEST:
            raise ManifestError(f"{folder / name} is too large for what it is: {file.size} bytes")
        found[name] = integrity.read_verified(folder / name, file.size, file.sha256, REMEDY)
    return told, found


def small_files(folder: pathlib.Path) -> tuple[str, ...]:
    """The names of the files, beside the weights, that a folder with this manifest must have."""
    path = folder / manifest.NAME
    return kinds.of(manifest.parse(_small(path), str(path)).architecture).files


REMEDY = "Fetch the folder again, or publish it again if it is yours."


def load(
    folder: pathlib.Path, changes: Changes, fetched: Callable[[], pathlib.Path] | None = None
) -> keras.Model:
    """The model in a folder, with these changes.

    fetched: Gives the path of weights that come from the Hub once their hash is known; in the
        Hub's cache files may be links.
    """
    told, files = read(folder, links=fetched is not None)
    kind = kinds.of(told.architecture)
    kind.check(changes, told.name)
    file = told.files[WEIGHTS]
    checked = fetched or _hashed_meanwhile(folder / WEIGHTS, file)
    arguments = _arguments(told, files, folder)
    wanted = _weights_of(told, arguments, folder)
    path = checked()  # which nothing reads before
    if fetched and hub.named(path) != file.sha256:  # the Hub has it, the description another
        integrity.check(path, file.size, file.sha256, REMEDY)
    _check_before_memory(told, wanted, header.read(path), str(path))
    model = kind.build(told.architecture, **changes.applied_to(arguments))
    if not changes.weights:
        return model
    own = arguments.get("attention")
    new = building.fresh(told.architecture, own, changes.attention)
    new |= building.new_heads(changes, arguments)
    with checkpoint.opened(path) as (shapes, tensor):
        weights.assign(model, shapes, tensor, str(path), new, changes.features_only)
    building.mention(model, told.name, new)
    return model


def _hashed_meanwhile(path: pathlib.Path, file: manifest.File) -> Callable[[], pathlib.Path]:
    """Hash a file of a folder while the caller does something else; the result waits for it."""
    hashing = concurrent.futures.ThreadPoolExecutor(1)
    checked = hashing.submit(integrity.check, path, file.size, file.sha256, REMEDY)
    hashing.shutdown(wait=False)

    def wait() -> pathlib.Path:
        checked.result()
        return path

    return wait


def _arguments(told: Manifest, files: Mapping[str, bytes], folder: pathlib.Path) -> dict[str, Any]:
    """The arguments of what builds the model, from the manifest and the files that tell them."""
    kind = kinds.of(told.architecture)
    known = kind.options_of(told.architecture)
    if unknown := sorted(told.kwargs.keys() - set(known)):
        raise ManifestError(f"{folder}: unknown kwargs {unknown}. Known: {list(known)}")
    given = {name: plain_json.parse(files[name], str(folder / name)) for name in kind.files}
    try:
        arguments = kind.of_files(given, told, str(folder))
    except ManifestError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        names = " or ".join(kind.files)
        raise ManifestError(f"{folder}: {names} cannot be used: {error!r}") from error
    return {**{key: _tuples(value) for key, value in told.kwargs.items()}, **arguments}


def _tuples(value):
    """Lists of numbers as tuples, as `models.build` takes widths and depths."""
    numbers = isinstance(value, list) and all(isinstance(one, int | float) for one in value)
    return tuple(value) if numbers else value


def _weights_of(told: Manifest, arguments: dict, folder: pathlib.Path) -> weights.Shapes:
    """The shapes of the weights that a description asks for, none of which has memory yet."""
    try:
        return kinds.of(told.architecture).weight_shapes(told.architecture, arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise ManifestError(f"{folder}: no such model can be built: {error}") from error


def _check_before_memory(told: Manifest, wanted, found: Mapping, source: str) -> None:
    """Refuse weights that do not fit the description."""
    weights.check({name: one.shape for name, one in found.items()}, wanted, source, told.name)
    odd = [name for name, one in found.items() if one.dtype not in DTYPES]
    if odd:
        raise WeightsError(f"{source}: weights are one of {list(DTYPES)}. Received: {odd[:6]}")


DTYPES = ("F16", "BF16", "F32", "F64", "I32", "I64", "U32")


def _small(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(plain_json.LARGEST + 1)
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error}. {REMEDY}") from error


def _refuse_links(folder: pathlib.Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).is_symlink():
            raise UnsafePathError(f"{folder / name} is a link: copy the file itself there")
