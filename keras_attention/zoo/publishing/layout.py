"""The folder of a published model, which three readers open: this library, Keras and KerasHub."""

import dataclasses
import hashlib
import importlib.util
import json
import logging
import pathlib
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ...models import head
from .. import kinds
from ..errors import WeightsError
from ..files import manifest
from ..files.manifest import File, Manifest
from ..kinds import WEIGHTS

log = logging.getLogger(__name__)

# What KerasHub reads beside Keras's files.
TASK, TASK_WEIGHTS = "task.json", "task.weights.h5"
# Arguments of what builds a model that have a place of their own in its folder.
ELSEWHERE = ("num_classes", "input_shape", "mean", "std", "crop", "interpolation", "labels")


@dataclasses.dataclass(frozen=True)
class Description:
    """What a folder says of a model beside its weights.

    `arguments` are those of what builds it; `input` is what the manifest says of what goes in;
    `card` gives the text of the model card from the files that this library reads; `facts` are
    fields of the manifest: licence, origin, recipe, metrics. `weights` are the bytes of a
    safetensors file, None to write the model's.
    """

    name: str
    architecture: str
    arguments: Mapping[str, Any]
    input: Mapping[str, Any]
    card: Callable[[Mapping[str, File]], str]
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    weights: bytes | None = None


def write(folder: pathlib.Path, model: keras.Model, described: Description) -> Manifest:
    """Write all files of a published model into an empty folder.

    Returns: The manifest, which names what this library's loader reads.
    Raises: WeightsError where a weight is not finite or two have one name.
    """
    kind = kinds.of(described.architecture)
    content = described.weights or safetensors_of(model, described.architecture)
    (folder / WEIGHTS).write_bytes(content)
    for name, value in kind.to_files(model, described.input).items():
        _write_json(folder / name, value)
    _write_for_keras(folder, model, described)
    _write_for_keras_hub(folder, model)
    arguments = {key: value for key, value in described.arguments.items() if key not in ELSEWHERE}
    told = Manifest(
        name=described.name,
        architecture=described.architecture,
        kwargs=arguments,
        files={name: file_of(folder / name) for name in kind.read},
        input=described.input,
        num_classes=int(described.arguments["num_classes"]),
        parameters=model.count_params(),
        golden=tuple(float(f"{x:.8g}") for x in kind.answer(model, described.input)),
        **described.facts,
    )
    (folder / manifest.NAME).write_bytes(manifest.serialise(told))
    (folder / "README.md").write_text(described.card(told.files), encoding="utf-8")
    return told


def file_of(path: pathlib.Path) -> File:
    """Hash and size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(digest, path.stat().st_size)


def safetensors_of(model: keras.Model, architecture: str) -> bytes:
    """The content of the file of a model's weights, as they are.

    Raises: WeightsError where a weight is not finite or two have one name.
    """
    from safetensors.numpy import load, save

    # Only arrays in order: others are written scrambled, without a word.
    arrays = {
        weight.path: np.array(ops.convert_to_numpy(weight.value), order="C")
        for weight in model.weights
    }
    if len(arrays) != len(model.weights):
        raise WeightsError(f"Two weights of {model.name!r} have one path")
    for path, array in arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{path} holds values that are not finite: this is not published")
    # One entry, since safetensors writes several in another order each time.
    about = {"architecture": architecture, "format": manifest.FORMAT}
    content = save(arrays, {"keras_attention": json.dumps(about)})
    again = load(content)
    if any(not np.array_equal(array, again[path]) for path, array in arrays.items()):
        raise WeightsError("safetensors did not give back what was written")
    return content


def _write_for_keras(folder: pathlib.Path, model: keras.Model, described: Description) -> None:
    """The files that `keras.saving.load_model` opens."""
    with tempfile.TemporaryDirectory() as beside:
        path = pathlib.Path(beside) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as saved:
            for name in ("metadata.json", "model.weights.h5"):
                (folder / name).write_bytes(saved.read(name))
            config = json.loads(saved.read("config.json"))
    config["keras_attention"] = {"format": manifest.FORMAT, "name": described.name}
    _write_json(folder / "config.json", config)


def _write_for_keras_hub(folder: pathlib.Path, model: keras.Model) -> None:
    """The files of KerasHub's `ImageClassifier`, where KerasHub is there to write them.

    Its classifier pools maps, so our pooled features become maps of one position.
    """
    last = model.layers[-1]
    if not isinstance(last, head.Logits):
        return
    if importlib.util.find_spec("keras_hub") is None:
        log.warning("Without keras_hub there is no %s: KerasHub will not open the model", TASK)
        return
    import keras_hub

    features = last.input
    maps = keras.layers.Reshape((1, 1, features.shape[-1]), name="features_as_map")(features)
    backbone = keras.Model(model.input, maps, name=model.name)
    task = keras_hub.models.ImageClassifier(backbone=backbone, num_classes=last.units)
    task.get_layer("predictions").set_weights(last.get_weights())
    with tempfile.TemporaryDirectory() as beside:
        task.save_to_preset(beside)
        for name in (TASK, TASK_WEIGHTS):
            (folder / name).write_bytes((pathlib.Path(beside) / name).read_bytes())


def _write_json(path: pathlib.Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def described_again(model: keras.Model, architecture: str, arguments: Mapping[str, Any]) -> dict:
    """All arguments with which the architecture's kind builds a model like this one.

    Raises: ValueError where what it builds has other weights, or for a model of another kind.
    """
    kind = kinds.of(architecture)
    full = kind.of_model(model, arguments)
    ours = {weight.path: tuple(weight.shape) for weight in model.weights}
    theirs = kind.weight_shapes(architecture, full)
    if ours != theirs:
        differ = sorted(ours.items() ^ theirs.items())[:6]
        raise ValueError(
            f"This model is not what {kind.builder}({architecture!r}, ...) makes with these "
            f"arguments: pass attention= and options as they were given; of a model of `load`, "
            f"options=zoo.info(NAME).arguments. Different: {differ}. "
            f"Received: arguments={dict(arguments)}"
        )
    return full
