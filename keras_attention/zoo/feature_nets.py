"""What a net of the zoo sees in images: the features that `metrics` compares."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from ..layers.checks import at_least
from ..models.head import Logits
from . import images as pictures
from . import loading
from .classification import _evaluation
from .errors import ImageError
from .kinds import generators


def features(net: keras.Model | str, images, batch_size: int = 128) -> np.ndarray:
    """The penultimate features of `images`, (images, features), for the functions of `metrics`.

    Images are resized and cropped as the net's own preprocessing says. The net stays as it is.

    Args:
        net: The name of a published classifier, such as "resnet18w16_cifar10"; or a model of one
            image, whose output before its classifier is taken, or that gives vectors itself. The
            last, such as `zoo.load(name, num_classes=0)`, is compiled once for many calls.
        images: (images, height, width, channels) in 0..255; floats are rounded, as files would.
            What a generator gives in -1..1 is (x + 1) * 127.5.
        batch_size: How many images at a time.
    Raises: UnknownModelError for an unknown name; ImageError for images of another shape, type or
        range; ValueError for a model that gives no vectors.

    >>> real = zoo.features("resnet18w16_cifar10", images)
    >>> metrics.frechet_distance(real, zoo.features("resnet18w16_cifar10", generated))
    """
    at_least(1, "features", batch_size=batch_size)
    given = checked(images, "features")
    model = loading.load(net, dtype="float32") if isinstance(net, str) else net
    generators.refuse(model, "features")
    body, resized = _body(model), _resizer(model, given.shape[1:])
    if tuple(body.output_shape)[1:] != body.output_shape[1:2]:
        raise ValueError(
            f"features needs a net that gives a vector for each image. "
            f"Received: {model.name!r} with output {body.output_shape}"
        )
    rows = [batch for (batch,) in outputs(body, given, resized, batch_size)]
    return np.concatenate(rows)


def checked(images, owner: str) -> np.ndarray:
    """`images` in uint8, if they are images in 0..255."""
    array = np.asarray(images)
    if array.ndim != 4 or 0 in array.shape or array.shape[-1] not in (1, 3):
        raise ImageError(
            f"{owner}: images must be an array (images, height, width, channels) with 3 or 1 "
            f"channels, and some of them. Received: shape {array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "uif" or not np.isfinite(array).all():
        raise ImageError(
            f"{owner}: images must be finite numbers in 0..255. Received: {array.dtype}"
            + ", with values that are not finite" * (array.dtype.kind == "f")
        )
    low, high = array.min(), array.max()
    if low < 0 or high > 255 or (array.dtype.kind == "f" and 0 < high <= 1):
        cure = "multiply by 255" if low >= 0 else "take (x + 1) * 127.5 of what lies in -1..1"
        raise ImageError(
            f"{owner}: images must lie in 0..255; {cure}. Received: {low} to {high}, {array.dtype}"
        )
    return np.rint(array).astype("uint8")


def outputs(
    model: keras.Model, images: np.ndarray, prepare: Callable, batch_size: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """What `model` gives for prepared images, batch by batch, each output in float32.

    All batches have one size, the last is filled up with black, so that none is compiled anew.
    """
    size = min(batch_size, len(images))
    for start in range(0, len(images), size):
        batch = np.asarray(prepare(images[start : start + size]), "float32")
        count = len(batch)
        batch = np.concatenate([batch, np.zeros((size - count, *batch.shape[1:]), "float32")])
        found = keras.tree.flatten(model.predict_on_batch(batch))
        yield tuple(np.asarray(one, "float32")[:count] for one in found)


def _body(model: keras.Model) -> keras.Model:
    """The model before its classifier, or as it is where it has none."""
    heads = [layer for layer in model.layers if isinstance(layer, Logits)]
    if not heads:
        return model
    return keras.Model(model.input, heads[0].input, name=f"{model.name}_features")


def _resizer(model: keras.Model, shape: tuple[int, ...]) -> Callable:
    """What makes a batch of images of that shape ready for `model`."""
    wanted = tuple(model.input_shape[1:]) if isinstance(model.input_shape, tuple) else ()
    first = len(wanted) == 3 and wanted[-1] not in (1, 3)
    height, width, channels = (*wanted[1:], wanted[0]) if first else (wanted or (None,) * 3)
    if channels != shape[-1]:
        raise ImageError(
            f"features: {model.name!r} takes images with {channels} channels. "
            f"Received: images of shape {shape}; np.repeat(images, 3, axis=-1) makes RGB of grey"
        )
    crop, interpolation = _evaluation(model)

    def fitted(batch: np.ndarray) -> np.ndarray:
        if (height, width) not in ((None, None), shape[:2]) or crop != 1:
            rows = [pictures.fit(image, height, width, crop, interpolation) for image in batch]
            batch = np.stack(rows)
        return batch.transpose(0, 3, 1, 2) if first else batch

    return fitted
