"""Models from folders that `publish` wrote: a manifest, and files that have its hashes."""

import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from .. import models
from ..models import factory
from .changes import Changes
from .errors import IntegrityError, ManifestError, UnsafePathError, WeightsError
from .files import header, integrity, manifest, plain_json, weights
from .files.manifest import Manifest
from .foreign import building, checkpoint
from .publishing import layout


def is_in(folder: pathlib.Path) -> bool:
    """Whether a folder is one of ours."""
    return (folder / manifest.NAME).is_file()


def read(
    folder: pathlib.Path, hashed: Mapping[str, str] | None = None
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest in a folder and the small files that it names, once all hashes are right.

    Args:
        folder: Where they are.
        hashed: The SHA-256 of files that were hashed just now, as they are when they come from the
            Hub, in whose cache files may be links.
    Raises: ManifestError, UnsafePathError, VersionError or IntegrityError.
    """
    if hashed is None:
        _refuse_links(folder)
    told = manifest.parse(_small(folder / manifest.NAME), str(folder / manifest.NAME))
    missing = [name for name in layout.READ if name not in told.files]
    if missing:
        raise ManifestError(f"{folder / manifest.NAME} does not name {missing}")
    found = {}
    for name in layout.READ:
        file = told.files[name]
        if name == layout.WEIGHTS:  # too large to hold
            if file.sha256 != (hashed or {}).get(name):
                integrity.check(folder / name, file.size, file.sha256, REMEDY)
        elif file.size > plain_json.LARGEST:
            raise ManifestError(f"{folder / name} is too large for what it is: {file.size} bytes")
        else:
            found[name] = integrity.read_verified(folder / name, file.size, file.sha256, REMEDY)
    return told, found


REMEDY = "Fetch the folder again, or publish it again if it is yours."


def load(
    folder: pathlib.Path, changes: Changes, hashed: Mapping[str, str] | None = None
) -> keras.Model:
    """The model in a folder, with these changes; `hashed` is as for `read`."""
    told, files = read(folder, hashed)
    arguments = _arguments(told, files, folder)
    path = folder / layout.WEIGHTS
    _check_before_memory(told, arguments, header.read(path), str(path))
    wanted = changes.applied_to(arguments)
    model = models.build(told.architecture, **wanted)
    if not changes.weights:
        return model
    own = arguments.get("attention")
    new = building.fresh(told.architecture, own, changes.attention)
    new |= building.new_heads(changes, arguments)
    with checkpoint.opened(path) as (shapes, tensor):
        weights.assign(model, shapes, tensor, str(path), new, changes.features_only)
    building.mention(model, told.name, new)
    return model


def _arguments(told: Manifest, files: Mapping[str, bytes], folder: pathlib.Path) -> dict[str, Any]:
    """The arguments of `models.build`, from the three files that tell them."""
    known = ("attention", *factory.options_of(told.architecture))
    if unknown := sorted(told.kwargs.keys() - set(known)):
        raise ManifestError(f"{folder}: unknown kwargs {unknown}. Known: {list(known)}")
    given = {
        name: plain_json.parse(files[name], str(folder / name))
        for name in (layout.PREPROCESSING, layout.LABELS)
    }
    ready, labels = given[layout.PREPROCESSING], given[layout.LABELS].get("labels")
    try:
        height, width = (int(side) for side in ready["size"])
        manifest.check_size((height, width), str(folder / layout.PREPROCESSING))
        sides: Any = (None, None) if told.input.get("any_size") else (height, width)
        return {
            **{key: _tuples(value) for key, value in told.kwargs.items()},
            "num_classes": told.num_classes,
            "input_shape": building.shape_of(sides),
            "mean": tuple(float(value) for value in ready["mean"]),
            "std": tuple(float(value) for value in ready["std"]),
            "crop": float(ready["crop"]),
            "interpolation": str(ready["interpolation"]),
            "labels": tuple(str(label) for label in labels) if labels else None,
        }
    except ManifestError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{folder / layout.PREPROCESSING} cannot be used: {error!r}") from error


def _tuples(value):
    """Lists of numbers as tuples, as `models.build` takes widths and depths."""
    numbers = isinstance(value, list) and all(isinstance(one, int | float) for one in value)
    return tuple(value) if numbers else value


def _check_before_memory(told: Manifest, arguments: dict, shapes: Mapping, source: str) -> None:
    """Refuse weights that do not fit the description, and descriptions that cannot be built."""
    try:
        wanted = factory.weight_shapes(told.architecture, **arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise ManifestError(f"{source}: no such model can be built: {error}") from error
    weights.check({name: one.shape for name, one in shapes.items()}, wanted, source, told.name)
    odd = [name for name, one in shapes.items() if one.dtype not in DTYPES]
    if odd:
        raise WeightsError(f"{source}: weights are one of {list(DTYPES)}. Received: {odd[:6]}")


DTYPES = ("F16", "BF16", "F32", "F64", "I32", "I64", "U32")


def _small(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(plain_json.LARGEST + 1)
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error}. {REMEDY}") from error


def _refuse_links(folder: pathlib.Path) -> None:
    for name in (manifest.NAME, *layout.READ):
        if (folder / name).is_symlink():
            raise UnsafePathError(f"{folder / name} is a link: copy the file itself there")
