"""A foreign checkpoint as a folder holds it: what it is, and its tensors one at a time."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import ConversionError, IntegrityError, ManifestError, WeightsError
from ..files import header, manifest, plain_json, sizes
from . import model_args

CONFIG, TENSORS = "config.json", "model.safetensors"
# A description of more bytes than this is not one.
LARGEST_CONFIG = 1_000_000


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of itself.

    `arguments` are those of `models.build`, without the size of the images; `size` is that size,
    (height, width). `tensors` gives the path of its safetensors file, once that may be read.
    `pools` says how its network pools, in timm's words, once, twice or not at all.
    """

    architecture: str
    arguments: Mapping[str, Any]
    size: tuple[int, int]
    tensors: Callable[[], pathlib.Path] | None
    pools: tuple[str, ...] = ()


def described(architecture: str, arguments: Mapping[str, Any], size) -> Checkpoint:
    """A checkpoint without tensors, of which only the model is wanted."""
    return Checkpoint(architecture, {"num_classes": 1000, **arguments}, tuple(size), None)


def read(
    folder: pathlib.Path,
    labels: tuple[str, ...] | None = None,
    tensors: Callable[[], pathlib.Path] | None = None,
) -> Checkpoint:
    """The checkpoint in a folder laid out as timm lays out its repositories.

    Args:
        folder: Holds config.json and model.safetensors.
        labels: Names of the classes where the description has none and as many classes.
        tensors: Gives the path of the safetensors file if it is not simply that of the folder.
    Raises: IntegrityError for a file that is missing or no description of a checkpoint.
    """
    config = _config(folder / CONFIG)
    given = config.get("pretrained_cfg") or config
    try:
        channels, height, width = map(int, given["input_size"])
        classes = int(config.get("num_classes", given.get("num_classes", 0)))
        names = config.get("label_names") or given.get("label_names")
        if names is None and labels and classes == len(labels):
            names = labels
        arguments = {
            "num_classes": classes,
            "mean": tuple(map(float, given["mean"])),
            "std": tuple(map(float, given["std"])),
            "crop": float(given.get("crop_pct") or 1.0),
            "interpolation": str(given.get("interpolation", "bicubic")),
            "labels": None if names is None else tuple(map(str, names)),
        }
        architecture = str(config["architecture"])
        given_arguments = dict(config.get("model_args") or {})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{folder / CONFIG} does not describe a checkpoint as timm does: {error!r}"
        ) from error
    sizes.check_size((height, width), str(folder / CONFIG))
    if not 0 <= classes <= manifest.LARGEST_NUMBER:
        raise IntegrityError(
            f"{folder / CONFIG}: classes are at most {manifest.LARGEST_NUMBER}. "
            f"Received: num_classes={classes}"
        )
    if channels != 3:
        raise ConversionError(f"{folder / CONFIG}: only RGB. Received: input_size={channels}, ...")
    path = folder / TENSORS
    if not path.is_file():
        raise IntegrityError(f"{folder} has no {TENSORS}. It has: {_listing(folder)}.")
    tensors = tensors or (lambda: path)
    told = model_args.read(given_arguments, architecture, str(folder / CONFIG))
    if told.size:
        sizes.check_size(told.size, str(folder / CONFIG))
    if told.attention:
        arguments["attention"] = told.attention
    pools = tuple(one for one in (config.get("global_pool"), told.pool) if one)
    return Checkpoint(architecture, arguments, told.size or (height, width), tensors, pools)


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[tuple[dict[str, tuple[int, ...]], Any]]:
    """The shapes of a safetensors file's tensors, and a function that reads one of them.

    Raises: IntegrityError where it cannot be parsed; WeightsError where a tensor holds a value that
        is not finite.
    """
    from safetensors import SafetensorError, safe_open

    shapes = {name: one.shape for name, one in header.read(path).items()}
    try:
        # Read, not mapped: what a mapping of the file has shown stays in memory with it.
        with safe_open(path, framework="numpy", backend="pread") as file:

            def tensor(name: str) -> np.ndarray:
                array = file.get_tensor(name)
                if not np.isfinite(array).all():
                    raise WeightsError(f"{path} holds values that are not finite in {name!r}")
                return array

            yield shapes, tensor
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path} is not a readable safetensors file: {error}") from error


def _config(path: pathlib.Path) -> dict:
    if not path.is_file():
        raise IntegrityError(
            f"{path.parent} has no {CONFIG}. It has: {_listing(path.parent)}. Expected a folder "
            f"with {CONFIG} and {TENSORS}, as timm's repositories have them."
        )
    if path.stat().st_size > LARGEST_CONFIG:
        raise IntegrityError(f"{path} is larger than {LARGEST_CONFIG} bytes: no description")
    try:
        return plain_json.parse(path.read_bytes(), str(path), LARGEST_CONFIG)
    except ManifestError as error:
        raise IntegrityError(str(error)) from error


def _listing(folder: pathlib.Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names[:10]) or "nothing"
