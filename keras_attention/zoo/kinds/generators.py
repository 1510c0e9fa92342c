"""Networks that make images of noise."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from ... import models
from ...models import head, sagan, sampling
from ..changes import Changes
from ..errors import ManifestError
from ..publishing import golden
from .kind import LABELS, WEIGHTS, Arguments, Contents, Kind, in_words, of_labels, to_labels

if TYPE_CHECKING:
    from ..files.manifest import Manifest

LEAST_BYTES = 2  # of a number in a file of weights
# The Hub's name; it has none for images of a class.
GENERATES = "unconditional-image-generation"

USE = """
## Load it

```python
import keras_attention as ka

model = ka.zoo.load("hf://{repo}")
pictures = ka.models.sample(model, {labels}, seed=0)  # uint8 (pictures, height, width, channels)
```

{classes}The same seed gives the same pictures on any machine, up to rounding.

Keras alone opens the same repository: `keras.saving.load_model("hf://{repo}")`, after
`import keras_attention`, which holds the layers' classes. It takes what is on the main branch and
runs what `config.json` says; the first reads data only and checks the hashes of
`keras_attention.json`.
"""
CLASSES = (
    "`labels` are the class of each picture, by name or number, or how many pictures: then all "
    "classes in turn. "
)


def refuse(model: keras.Model, owner: str) -> None:
    """Refuse a generator where images go in."""
    if sampling.is_generator(model):
        raise ValueError(
            f"{owner} needs a model that takes images; models.sample makes pictures with a "
            f"generator. Received: the generator {model.name!r}"
        )


def _check(changes: Changes, name: str) -> None:
    """Refuse any change but `weights`: no part of a generator is of use without the others."""
    for field in dataclasses.fields(changes):
        value = getattr(changes, field.name)
        if field.name != "weights" and value != field.default:
            raise ValueError(
                f"{name} is a generator, which is loaded as it was published: {field.name} must "
                f"not be given. Received: {field.name}={value!r}"
            )


def _options_of(architecture: str) -> tuple[str, ...]:
    return ("attention", "width", "latent", "channels", "attention_at")


def _of_entry(
    arguments: Mapping[str, Any], size: tuple[int, int], labels: Sequence[str]
) -> Arguments:
    return {"num_classes": 0, **arguments, "labels": labels or None}


def _of_files(files: Contents, told: "Manifest", source: str) -> Arguments:
    _check_room(told, source)
    return {"num_classes": told.num_classes, "labels": of_labels(files[LABELS])}


def _check_room(told: "Manifest", source: str) -> None:
    """Refuse a width for which the file of weights has no room.

    With torch, Keras finds the shape of a maximum by taking one, in real memory.
    """
    pairs = itertools.pairwise(sagan.VARIANTS[told.architecture].generator)
    kernels = sum(9 * after * (before + after) for before, after in pairs)
    width, size = told.kwargs.get("width", 64), told.files[WEIGHTS].size
    if isinstance(width, int) and LEAST_BYTES * kernels * width**2 > size:
        raise ManifestError(
            f"{source}: no generator of this width fits into the {size} bytes of its weights. "
            f"Received: width={width}"
        )


def _of_model(model: keras.Model, options: Mapping[str, Any]) -> Arguments:
    """Raises: ValueError for a model that is no generator."""
    if not sampling.is_generator(model):
        raise ValueError(f"This is not what models.build_generator makes. Received: {model.name!r}")
    return {
        **options,
        "num_classes": sampling.classes_of(model),
        "latent": model.inputs[0].shape[-1],
        "channels": model.get_layer("to_image").units,
        "labels": head.labels(model),
    }


def _to_files(model: keras.Model, told: Mapping[str, Any]) -> Contents:
    return {LABELS: to_labels(head.labels(model))}


def _input_of(architecture: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"noise": "standard normal", "label": bool(arguments["num_classes"])}


def _answer(model: keras.Model, told: Mapping[str, Any]):
    return golden.pictures(model)


def _task_of(arguments: Mapping[str, Any]) -> str:
    return GENERATES


def _about(arguments: Mapping[str, Any]) -> str:
    classes, labels = arguments["num_classes"], arguments.get("labels")
    return f"a generator of images{f' of {in_words(classes, labels)}' if classes else ''}"


def _use(repo: str, arguments: Mapping[str, Any]) -> str:
    classes, labels = arguments.get("num_classes"), arguments.get("labels")
    shown: Any = [*(labels or range(classes))[:2]] if classes else 2
    return USE.format(repo=repo, labels=shown, classes=CLASSES if classes else "")


GENERATORS = Kind(
    build=models.build_generator,
    architectures=sagan.VARIANTS.keys,
    options_of=_options_of,
    family_of=lambda architecture: "sagan",
    suffix=sagan.SUFFIX,
    check=_check,
    of_entry=_of_entry,
    of_files=_of_files,
    of_model=_of_model,
    files=(LABELS,),
    to_files=_to_files,
    input_of=_input_of,
    answer=_answer,
    task_of=_task_of,
    about=_about,
    use=_use,
)
