"""The most probable labels of one image."""

import os
from typing import NamedTuple

import keras
import numpy as np

from .. import models
from ..layers.checks import at_least
from . import images, loading
from .kinds import generators


class Prediction(NamedTuple):
    """A label and its probability."""

    label: str
    probability: float


def classify(model: keras.Model | str, image, top: int = 5) -> list[Prediction]:
    """The `top` most probable labels of one image, the most probable first.

    Args:
        model: A classifier whose output is logits, or the name of a published one.
        image: A path, a PIL image, or an array (height, width, 3) in 0..255, or a grey one
            (height, width), which `preprocess` makes ready.
        top: How many labels; all of them if the model has fewer.
    Raises: FileNotFoundError or ImageError for a missing or unreadable image; ValueError for a
        model that is no classifier of images.

    >>> zoo.classify("resnet18w16_cbam_cifar10", "cat.jpg", top=1)[0].label
    'cat'
    """
    at_least(1, "classify", top=top)
    model = _loaded(model, "classify")
    batch = preprocess(model, image)[None]
    logits = keras.ops.convert_to_numpy(model(batch, training=False))[0].astype("float64")
    if logits.ndim != 1:
        raise ValueError(
            f"classify needs a model with one row of logits. Received: output {logits.shape}"
        )
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    labels = models.labels(model) or tuple(f"class {i}" for i in range(len(logits)))
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [Prediction(labels[i], float(probabilities[i])) for i in order]


def preprocess(model: keras.Model | str, image) -> np.ndarray:
    """One image as `model` takes it: RGB or grey as it was trained, in 0..255, uint8, at its size
    and in its data format.

    The picture is resized and cropped as in the evaluation of the model's source, by the crop and
    the interpolation that the model keeps in its first layer.
    Args: as for `classify`.
    """
    model = _loaded(model, "preprocess")
    height, width, channels, channels_first = _input_of(model)
    fitted = images.fit(images.read(image), height, width, *_evaluation(model))
    fitted = images.grey(fitted) if channels == 1 else fitted
    return np.ascontiguousarray(fitted.transpose(2, 0, 1)) if channels_first else fitted


def centre(model: keras.Model, image) -> np.ndarray:
    """The part of one image that `preprocess` scales, at its own size: (height, width, 3)."""
    height, width, *_ = _input_of(model)
    array, (crop, _) = images.read(image), _evaluation(model)
    if height is None or width is None:
        return array
    return images.centre(array, height, width, crop)


def _loaded(model: keras.Model | str, owner: str) -> keras.Model:
    model = loading.load(str(model)) if isinstance(model, (str, os.PathLike)) else model
    generators.refuse(model, owner)
    return model


def _evaluation(model: keras.Model) -> tuple[float, str]:
    """The share of a resized image that the model sees, and how it is resized."""
    for layer in model.layers:
        if isinstance(layer, models.Normalize):
            return layer.crop, layer.interpolation
    return 1.0, "bicubic"


def _input_of(model: keras.Model) -> tuple[int | None, int | None, int, bool]:
    """Height, width, channels and whether they come first, of the one image that a model takes."""
    shape = model.input_shape[1:] if isinstance(model.input_shape, tuple) else ()
    if len(shape) != 3 or not {1, 3} & {shape[0], shape[-1]}:
        raise ValueError(f"This needs a model of one RGB or grey image. Received: input {shape}")
    first = shape[-1] not in (1, 3)
    channels, height, width = shape if first else (shape[-1], *shape[:2])
    return height, width, channels, first
