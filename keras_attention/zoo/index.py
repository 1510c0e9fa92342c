"""What is published: the entries of index.json, by name."""

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
from .errors import UnknownModelError

PATH = pathlib.Path(__file__).parent / "index.json"


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is known of one published model without loading it.

    `gmacs` counts multiply-adds of one image at `input_size`, in billions; `size` is in bytes.
    """

    name: str
    task: str
    architecture: str
    arguments: Mapping[str, Any]
    attention: str
    parameters: int
    gmacs: float
    input_size: tuple[int, int]
    labels: tuple[str, ...]
    data: str
    metric: str
    score: float
    licence: str
    data_licence: str
    recipe: str
    file: str
    sha256: str
    size: int


def info(name: str) -> ModelInfo:
    """The entry of one model.

    Raises: UnknownModelError, a ValueError, with the nearest known names.
    """
    models = _read()
    if name not in models:
        raise UnknownModelError(
            f"Unknown model.{nearest(name, models)} Received: name={name!r}. "
            f"Known: {', '.join(models)}."
        )
    return models[name]


def list_models(
    pattern: str = "*", attention: str | None = None, task: str | None = None
) -> list[str]:
    """The names that match a pattern with wildcards, in natural order.

    Args:
        pattern: Shell wildcards: "resnet*", "*_cifar10".
        attention: A layer's key such as "cbam", or "none" for models without attention.
        task: Such as "classification".
    Raises: ValueError for an attention or a task that does not exist.
    """
    models = _read()
    _check("attention", attention, ["none", *list_layers()])
    _check("task", task, sorted({model.task for model in models.values()}))
    return [
        name
        for name, model in models.items()
        if fnmatch.fnmatchcase(name, pattern)
        and attention in (None, model.attention)
        and task in (None, model.task)
    ]


def _check(argument: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        raise ValueError(
            f"{argument} must be one of {known}.{nearest(value, known)} "
            f"Received: {argument}={value!r}"
        )


@functools.cache
def _read() -> dict[str, ModelInfo]:
    entries = json.loads(PATH.read_text("utf-8"))
    return {name: _entry(name, entries[name]) for name in sorted(entries, key=_natural)}


def _entry(name: str, fields: Mapping[str, Any]) -> ModelInfo:
    pairs = {"input_size", "labels"}
    values: dict[str, Any] = {
        key: tuple(value) if key in pairs else value for key, value in fields.items()
    }
    return ModelInfo(name=name, **values)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts resnet9 before resnet18."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
