"""Networks that see images: classifiers, and those that give features alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from ... import models
from ...models import factory, head
from ..changes import Changes
from ..files.sizes import check_size
from ..publishing import golden
from .kind import LABELS, Arguments, Contents, Kind, in_words, of_labels, to_labels

if TYPE_CHECKING:
    from ..files.manifest import Manifest

PREPROCESSING = "preprocessing.json"
CLASSIFIES, DESCRIBES = "image-classification", "image-feature-extraction"  # the Hub's names

USE = """
## Load it

```python
import keras_attention as ka

model = ka.zoo.load("hf://{repo}")
```

Keras alone opens the same repository: `keras.saving.load_model("hf://{repo}")`, after
`import keras_attention`, which holds the layers' classes. So does KerasHub, where there is a
`task.json`: `keras_hub.models.ImageClassifier.from_preset("hf://{repo}")`. These two take what is
on the main branch and run what `config.json` says; the first reads data only and checks the hashes
of `keras_attention.json`.
"""


# What an image's channels are called.
CHANNELS = {1: "grey", 3: "RGB"}


def shape_of(size: tuple[int | None, int | None], channels: int = 3) -> tuple[int | None, ...]:
    """The shape of one image of (height, width), in Keras's data format."""
    first = keras.config.image_data_format() == "channels_first"
    return (channels, *size) if first else (*size, channels)


def _check(changes: Changes, name: str) -> None:
    """Any change can be tried; `models.build` knows which fit an architecture."""


def _options_of(architecture: str) -> tuple[str, ...]:
    return ("attention", *factory.options_of(architecture))


def _of_entry(
    arguments: Mapping[str, Any], size: tuple[int, int], labels: Sequence[str]
) -> Arguments:
    channels = len(arguments["mean"]) if "mean" in arguments else 3
    own = {"labels": labels or None, "input_shape": shape_of(size, channels)}
    return {"num_classes": 1000, **arguments, **own}


def _of_files(files: Contents, told: "Manifest", source: str) -> Arguments:
    ready = files[PREPROCESSING]
    height, width = (int(side) for side in ready["size"])
    check_size((height, width), f"{source}/{PREPROCESSING}")
    size = (None, None) if told.input.get("any_size") else (height, width)
    mean = tuple(float(value) for value in ready["mean"])
    return {
        "num_classes": told.num_classes,
        "input_shape": shape_of(size, len(mean)),
        "mean": mean,
        "std": tuple(float(value) for value in ready["std"]),
        "crop": float(ready["crop"]),
        "interpolation": str(ready["interpolation"]),
        "labels": of_labels(files[LABELS]),
    }


def _of_model(model: keras.Model, options: Mapping[str, Any]) -> Arguments:
    """Raises: ValueError for a model that does not normalise its images, gives maps, or takes
    channels first.
    """
    if "normalize" not in [layer.name for layer in model.layers] or isinstance(model.output, dict):
        raise ValueError(
            "Only models that take images in 0..255 and give logits or features are published: "
            "built with include_preprocessing=True and features_only=False. "
            f"Received: {model.name!r}"
        )
    layer = model.get_layer("normalize")
    if model.input_shape[-1] != len(layer.pixel_mean) or model.input_shape[-1] not in CHANNELS:
        raise ValueError(
            "Models are published channels last, of RGB or grey images: build it so and give it "
            f"these weights. Received: input_shape={model.input_shape}"
        )
    heads = [layer.units for layer in model.layers if isinstance(layer, head.Logits)]
    return {
        **options,
        "num_classes": heads[-1] if heads else 0,
        "input_shape": model.input_shape[1:],
        "mean": layer.pixel_mean,
        "std": layer.pixel_std,
        "crop": layer.crop,
        "interpolation": layer.interpolation,
        "labels": head.labels(model),
    }


def _to_files(model: keras.Model, told: Mapping[str, Any]) -> Contents:
    """How an image becomes the model's input, as the layer `normalize` keeps it; the labels."""
    layer = model.get_layer("normalize")
    ready = {
        "size": told["size"],
        "mean": list(layer.pixel_mean),
        "std": list(layer.pixel_std),
        "crop": layer.crop,
        "interpolation": layer.interpolation,
        "range": [0, 255],
        "channels": told["channels"],
    }
    return {PREPROCESSING: ready, LABELS: to_labels(head.labels(model))}


def _input_of(architecture: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    *sides, channels = arguments["input_shape"]
    usual = factory.default_size_of(architecture)
    return {
        "size": [side or usual for side in sides],
        "any_size": None in sides,
        "range": [0, 255],
        "channels": CHANNELS[channels],
    }


def _answer(model: keras.Model, told: Mapping[str, Any]):
    height, width = told["size"]
    channels = {name: count for count, name in CHANNELS.items()}[told["channels"]]
    return golden.logits(model, (height, width), channels)


def _task_of(arguments: Mapping[str, Any]) -> str:
    return CLASSIFIES if arguments["num_classes"] else DESCRIBES


def _about(arguments: Mapping[str, Any]) -> str:
    classes, labels = arguments["num_classes"], arguments.get("labels")
    what = in_words(classes, labels) if classes else "features without a classifier"
    height, width, channels = arguments["input_shape"]
    grey = "grey " * (channels == 1)
    return f"{what}, for {grey}images of {height or 'any'}x{width or 'any'} pixels"


def _use(repo: str, arguments: Mapping[str, Any]) -> str:
    return USE.format(repo=repo)


CLASSIFIERS = Kind(
    build=models.build,
    architectures=models.list_architectures,
    options_of=_options_of,
    family_of=factory.family_of,
    suffix="",
    check=_check,
    of_entry=_of_entry,
    of_files=_of_files,
    of_model=_of_model,
    files=(PREPROCESSING, LABELS),
    to_files=_to_files,
    input_of=_input_of,
    answer=_answer,
    task_of=_task_of,
    about=_about,
    use=_use,
)
