"""The model card of a published model, README.md of its repository."""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .. import index, kinds
from ..errors import UnknownModelError
from ..files.manifest import File
from ..kinds.classifiers import CLASSIFIES

CARD = """\

# {name}

{architecture}, {what}. It was made with keras_attention \
(`pip install keras-attention-zoo`): `{builder}({architecture!r}, {arguments})`.

## Result

{measured}

Licence of the weights: {licence}.
"""

FILES = """
## Files

| file | bytes | SHA-256 |
|---|---|---|
"""


def front_matter(
    name: str,
    licence: str | None,
    task: str = CLASSIFIES,
    *,
    attention: str | None = None,
    datasets: Sequence[str] = (),
    metrics: Sequence[str] = (),
    result: Mapping[str, Any] | None = None,
) -> str:
    """The lines of YAML at the top of a card, from which the Hub knows what a model is.

    Args:
        name: Of the model.
        licence: Of the weights; None says nothing.
        task: The Hub's name of what the model does.
        attention: The key of a layer, for a tag.
        datasets: The Hub's names of what it was trained on.
        metrics: The Hub's names of what was measured.
        result: What `result_of` gives.
    """
    from huggingface_hub.utils import yaml_dump

    fields = {
        "library_name": "keras",
        "license": (licence or "").lower(),
        "pipeline_tag": task,
        "tags": ["keras", "keras-attention", task, *([attention] if attention else [])],
        "datasets": list(datasets),
        "metrics": list(metrics),
        "model_name": name,
        "model-index": [{"name": name, "results": [result]}] if result else [],
    }
    told = {key: value for key, value in fields.items() if value}
    return f"---\n{yaml_dump(told, sort_keys=False, width=math.inf)}---\n"


def result_of(metric: str, score: Any, task: str = CLASSIFIES, **dataset: str) -> dict[str, Any]:
    """A score in the form that the Hub shows beside a model; `dataset` has its name and type."""
    measured = {"type": metric, "value": score}
    return {"task": {"type": task}, "dataset": dataset, "metrics": [measured]}


def table_of(files: Mapping[str, File]) -> str:
    """The part of a card that names the files that this library reads."""
    rows = [f"| `{name}` | {file.size:,} | `{file.sha256}` |" for name, file in files.items()]
    return FILES + "\n".join(rows) + "\n"


def of_entry(entry: index.ModelInfo, repo: str, folder: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """The card in `folder`, which a clone of the project has, and the facts for the manifest.

    Raises: UnknownModelError where the folder has no card.
    """
    try:
        card = (folder / "README.md").read_text("utf-8")
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    except OSError as error:
        raise UnknownModelError(
            f"{entry.name} has no card: publish it in a clone of the project, where zoo/ holds "
            f"them. Received: folder={str(folder)!r}"
        ) from error
    facts = {"metrics": metrics, "recipe": entry.recipe, "origin": dict(entry.origin or {})}
    kind = kinds.of(entry.architecture)
    return card + kind.use(repo, {**entry.arguments, "labels": entry.labels}), facts


def of_model(
    repo: str,
    architecture: str,
    arguments: Mapping[str, Any],
    metrics: Mapping[str, Any],
    licence: str | None,
) -> str:
    """The card of somebody's own model."""
    name, kind = repo.rpartition("/")[2], kinds.of(architecture)
    shown = {key: arguments[key] for key in arguments if key not in ("labels", "mean", "std")}
    task = kind.task_of(arguments)
    result = None
    if {"metric", "score"} <= metrics.keys():
        data = str(metrics.get("data", "unknown"))
        result = result_of(metrics["metric"], metrics["score"], task, name=data, type=data)
    card = CARD.format(
        name=name,
        architecture=architecture,
        what=kind.about(arguments),
        builder=kind.builder,
        arguments=", ".join(f"{key}={value!r}" for key, value in shown.items()),
        measured="\n".join(f"- {key}: {value}" for key, value in metrics.items())
        or "Nothing was reported.",
        licence=licence or "not stated",
    )
    return front_matter(name, licence, task, result=result) + card + kind.use(repo, arguments)
