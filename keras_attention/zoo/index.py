"""What can be loaded: our own models of index.json, timm's of timm.json."""

import dataclasses
import fnmatch
import functools
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from ..layers import list_layers
from ..layers.checks import nearest
from . import kinds
from .errors import IntegrityError, UnknownModelError
from .files import integrity
from .files.manifest import File

PATH = pathlib.Path(__file__).parent / "index.json"
TIMM = pathlib.Path(__file__).parent / "timm.json"
LABELS = pathlib.Path(__file__).parent / "imagenet.txt"

# Licences that let anyone use, change and pass on the weights, for money too. They say nothing of
# the data that a model was trained on.
PERMISSIVE = ("Apache-2.0", "BSD-3-Clause", "MIT")
SOURCES = ("wheel", "hub", "pytorchcv", "timm")


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is known of one model without loading it. None is not known, or does not apply.

    `attention` names the layers' keys, joined by "+", or is "none". `gmacs` counts multiply-adds
    of one image at `input_size`, in billions; a generator's `input_size` is that of its images;
    `size` is in bytes. `score` is that of `metric`, as `source` reports it: "wheel" is measured by
    us, of weights that come with the package.
    """

    name: str
    task: str
    architecture: str
    attention: str
    parameters: int
    input_size: tuple[int, int]
    licence: str
    metric: str | None
    score: float | None
    data: str
    source: str = "wheel"
    family: str = "resnet"
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    gmacs: float | None = None
    labels: tuple[str, ...] = ()
    data_licence: str | None = None
    recipe: str | None = None
    origin: Mapping[str, Any] | None = None
    repo: str | None = None
    commit: str | None = None
    tag: str | None = None
    files: Mapping[str, File] = dataclasses.field(default_factory=dict)
    file: str | None = None
    sha256: str | None = None
    size: int | None = None

    @property
    def top1(self) -> float | None:
        """The share of test images that a classifier gets right, None for other models."""
        return self.score if self.task == "classification" else None


def info(name: str) -> ModelInfo:
    """The entry of one model.

    Raises: UnknownModelError, a ValueError, with the nearest known names.
    """
    models = _read()
    if name not in models:
        raise UnknownModelError(
            f"Unknown model.{nearest(name, models)} Received: name={name!r}. "
            f"list_models() names {len(models)}: {', '.join([*models][:8])}, ..."
        )
    return models[name]


def list_models(
    pattern: str = "*",
    attention: str | None = None,
    task: str | None = None,
    *,
    license: str | None = None,
    max_params: float | None = None,
    min_top1: float | None = None,
    family: str | None = None,
    source: str | None = None,
) -> list[str]:
    """The names that match: ours first, then those of permissive licence, in natural order.

    Args:
        pattern: Shell wildcards: "resnet*", "*_cifar10".
        attention: A layer's key such as "cbam", or "none" for models without attention.
        task: "classification", "features" for models without a classifier, or "generation" for
            models that make images.
        license: "permissive", or a licence's name such as "MIT".
        max_params: How many parameters a model may have, such as 30e6.
        min_top1: The least share of test images that a classifier gets right, in 0..1, as its
            source reports it for the data that it was made for, ten classes of CIFAR-10 or a
            thousand of ImageNet; models without a figure are left out.
        family: Such as "vit".
        source: "wheel" for weights that come with the package, "hub" for ours that are published
            there alone, "pytorchcv" or "timm" for weights that are fetched there and converted.
    Raises: ValueError for a word that does not exist.
    """
    models = _read()
    _check("attention", attention, ["none", *list_layers()])
    _check("task", task, [*kinds.KINDS])
    _check("source", source, [*SOURCES])
    _check("family", family, sorted({model.family for model in models.values()}))
    _check("license", license, ["permissive", *sorted({m.licence for m in models.values()})])
    if min_top1 is not None and not 0 <= min_top1 <= 1:
        raise ValueError(f"min_top1 is a share in 0..1. Received: min_top1={min_top1}")
    licences = PERMISSIVE if license == "permissive" else (license,)
    return [
        name
        for name, model in models.items()
        if fnmatch.fnmatchcase(name, pattern)
        and (attention is None or attention in model.attention.split("+"))
        and task in (None, model.task)
        and family in (None, model.family)
        and source in (None, model.source)
        and (license is None or model.licence in licences)
        and (max_params is None or model.parameters <= max_params)
        and (min_top1 is None or (model.top1 is not None and model.top1 >= min_top1))
    ]


@functools.cache
def imagenet_labels() -> tuple[str, ...]:
    """The names of the 1000 classes of ImageNet-1k in their usual order."""
    return tuple(LABELS.read_text("utf-8").split("\n")[:1000])


def _check(argument: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        raise ValueError(
            f"{argument} must be one of {known}.{nearest(value, known)} "
            f"Received: {argument}={value!r}"
        )


@functools.cache
def _read() -> dict[str, ModelInfo]:
    try:
        own, timm = (json.loads(path.read_text("utf-8")) for path in (PATH, TIMM))
        entries = [_entry(name, fields) for name, fields in own.items()]
        entries += [_entry(name, {**fields, "source": "timm"}) for name, fields in timm.items()]
        entries.sort(key=_order)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise IntegrityError(
            f"The index of models is damaged: {error!r}. {integrity.REMEDY}"
        ) from error
    return {entry.name: entry for entry in entries}


def _order(entry: ModelInfo) -> tuple:
    free = entry.licence in PERMISSIVE
    return SOURCES.index(entry.source) if free else len(SOURCES), _natural(entry.name)


def _entry(name: str, fields: Mapping[str, Any]) -> ModelInfo:
    values = {**fields, "input_size": tuple(fields["input_size"])}
    labels = fields.get("labels", ())
    # The thousand names are kept once, for all who have them.
    values["labels"] = imagenet_labels() if labels == "imagenet" else tuple(labels)
    if fields.get("commit") and not fields.get("file") and not fields.get("origin"):
        values["source"] = "hub"
    files = fields.get("files", {})
    values["files"] = {path: File(**entry) for path, entry in files.items()}
    if "family" not in values:
        values["family"] = kinds.of(values["architecture"]).family_of(values["architecture"])
    return ModelInfo(name=name, **values)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts resnet9 before resnet18."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
