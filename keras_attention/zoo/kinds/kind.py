"""What loading and publishing must know of a kind of models."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ...models import outline
from ..changes import Changes

if TYPE_CHECKING:
    from ..files.manifest import Manifest

LABELS, WEIGHTS = "labels.json", "model.safetensors"

Arguments = dict[str, Any]
# What a file of JSON holds, by the file's name.
Contents = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Kind:
    """All that differs between kinds of models.

    Building:
        build: Makes a model of an architecture and `Arguments`, those of one function of `models`.
        architectures: The names of the architectures.
        options_of: What `kwargs` of an architecture's manifest may hold.
        family_of: The family of an architecture.
        suffix: What the names of built models have behind that of the architecture.
        check: Refuses changes that cannot be made, for the model of that name.

    Where arguments are from:
        of_entry: The index, by its arguments, size and labels.
        of_files: The small files of a folder, its manifest, and what errors call it; `kwargs` of
            the manifest are added to them.
        of_model: Somebody's own model, and the options that its owner names.

    A published folder:
        files: Names of the small files that a loader reads beside manifest and weights.
        to_files: What they hold, of a model and the manifest's `input`.
        input_of: The manifest's `input`, of an architecture and arguments.
        answer: What a model makes of a made-up input, as a vector: the manifest's `golden`.

    A card:
        task_of: The Hub's name of what a model of these arguments does.
        about: What it is, in words.
        use: How it is loaded from a repository and used.
    """

    build: Callable[..., keras.Model]
    architectures: Callable[[], Collection[str]]
    options_of: Callable[[str], tuple[str, ...]]
    family_of: Callable[[str], str]
    suffix: str
    check: Callable[[Changes, str], None]

    of_entry: Callable[[Mapping[str, Any], tuple[int, int], Sequence[str]], Arguments]
    of_files: Callable[[Contents, "Manifest", str], Arguments]
    of_model: Callable[[keras.Model, Mapping[str, Any]], Arguments]

    files: tuple[str, ...]
    to_files: Callable[[keras.Model, Mapping[str, Any]], Contents]
    input_of: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    answer: Callable[[keras.Model, Mapping[str, Any]], np.ndarray]

    task_of: Callable[[Mapping[str, Any]], str]
    about: Callable[[Mapping[str, Any]], str]
    use: Callable[[str, Mapping[str, Any]], str]

    @property
    def read(self) -> tuple[str, ...]:
        """The names of all files that a loader reads beside the manifest."""
        return (*self.files, WEIGHTS)

    @property
    def builder(self) -> str:
        """What builds the models, as a user calls it."""
        return f"models.{self.build.__name__}"

    def weight_shapes(self, architecture: str, arguments: Mapping[str, Any]):
        """The shapes of a model's weights by path, none of which has memory yet."""
        return outline.weight_shapes(self.build, architecture, **arguments)


def to_labels(labels: Sequence[str] | None) -> dict[str, list[str]]:
    """What the file of labels holds."""
    return {"labels": list(labels or ())}


def of_labels(content: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of classes in such a file, None if they have none."""
    labels = content.get("labels") or []
    if not isinstance(labels, list):
        raise TypeError(f"labels must be a list of names. Received: labels={labels!r:.80}")
    return tuple(str(label) for label in labels) or None


def in_words(num_classes: int, labels: Sequence[str] | None) -> str:
    """How many classes there are, and their names where they are few."""
    names = f" ({', '.join(labels)})" if labels and len(labels) <= 20 else ""
    return f"{num_classes} classes{names}"
