"""Pictures from a generator."""

from collections.abc import Sequence

import keras
import numpy as np

from ..layers.checks import at_least, nearest
from ..layers.spectral_norm import SpectralConv2D
from . import head
from .conditional_norm import ConditionalBatchNorm

OWNER = "sample"
# Of the normal numbers, one in 125 is left at this truncation: below it, drawing takes too long.
LEAST_TRUNCATION = 0.01


def sample(
    generator: keras.Model,
    labels: int | Sequence[int | str] | np.ndarray,
    seed: int,
    *,
    truncation: float | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Pictures that a generator makes in inference mode.

    Picture i comes of noise that depends on `seed` and i alone: `sample(g, 9, 0)` begins with the
    pictures of `sample(g, 3, 0)`, and `batch_size` changes them by no more than how the backend
    rounds.

    Args:
        generator: A model of `models.build_generator`.
        labels: The class of each picture, by its number or, where the generator has names of its
            classes, by its name; or how many pictures, whose classes are then 0, 1, ... in turn. A
            generator without classes takes a number only.
        seed: Integer >= 0.
        truncation: Numbers of the noise beyond +-truncation are drawn again, which trades variety
            for looks (Brock, Donahue, Simonyan, arXiv:1809.11096); None keeps all.
        batch_size: How many pictures are made at once.
    Returns: uint8 (pictures, height, width, channels), whatever the model's data format.
    Raises: ValueError for another sort of model, a class that it does not know, another argument
        out of range, and where the model gives what is no number.

    >>> models.sample(generator, [3, 3, 5], seed=0).shape
    (3, 32, 32, 3)
    >>> models.sample(generator, ["cat", "dog"], seed=0).shape
    (2, 32, 32, 3)
    """
    at_least(1, OWNER, batch_size=batch_size)
    _check_generator(generator)
    classes = classes_of(generator)
    index = checked_labels(numbers_of(labels, head.labels(generator)), classes)
    inputs = [latents(len(index), generator.inputs[0].shape[-1], seed, truncation)]
    if classes:
        inputs.append(index)
    pictures = []
    for start in range(0, len(index), batch_size):
        # Batches of one size are compiled once: the last picture fills the last batch.
        rows = np.arange(start, start + min(batch_size, len(index))).clip(max=len(index) - 1)
        batch = [part[rows] for part in inputs]
        images = generator.predict_on_batch(batch if classes else batch[0])
        pictures.append(_to_pixels(channels_last(generator, images)))
    return np.concatenate(pictures)[: len(index)]


def latents(count: int, size: int, seed: int, truncation: float | None = None) -> np.ndarray:
    """Normal numbers (count, size) in float32, of which row i depends on `seed` and i alone."""
    at_least(0, OWNER, seed=seed)
    limit = np.inf if truncation is None else truncation
    number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if not number or not limit >= LEAST_TRUNCATION:
        raise ValueError(
            f"{OWNER}: truncation must be None or a number >= {LEAST_TRUNCATION}. "
            f"Received: truncation={truncation!r}"
        )
    return np.stack([_row(np.random.default_rng([seed, row]), size, limit) for row in range(count)])


def numbers_of(labels, names: Sequence[str] | None):
    """`labels` with the number of its class in place of each name, where the classes have names."""
    if isinstance(labels, str):
        raise ValueError(
            f"{OWNER}: labels must be a class for each picture, such as [{labels!r}], or a number "
            f"of pictures. Received: labels={labels!r}"
        )
    several = isinstance(labels, list | tuple) or (isinstance(labels, np.ndarray) and labels.ndim)
    if names is None or not several or not any(isinstance(one, str) for one in labels):
        return labels
    return [_number(one, names) if isinstance(one, str) else one for one in labels]


def _number(name: str, names: Sequence[str]) -> int:
    count = list(names).count(name)
    if count != 1:
        wrong = f"{count} classes have" if count else "no class has"
        raise ValueError(
            f"{OWNER}: labels must be names or numbers of classes, but {wrong} this name."
            f"{nearest(name, names) if not count else ' Give its number.'} "
            f"Received: {str(name)!r}. Known: {', '.join(names[:20])}{', ...' * (len(names) > 20)}."
        )
    return list(names).index(name)


def checked_labels(labels: int | Sequence[int] | np.ndarray, num_classes: int) -> np.ndarray:
    """The class of each picture in int32, if all are in 0..num_classes-1.

    A number n of pictures gives 0, 1, ... in turn; without classes, n zeros.
    """
    if isinstance(labels, int) and not isinstance(labels, bool):
        return (np.arange(at_least(1, OWNER, labels=labels)) % max(num_classes, 1)).astype("int32")
    index = np.asarray(labels)
    if not num_classes or index.ndim != 1 or not len(index) or index.dtype.kind not in "ui":
        wanted = ", or a class for each: integers in a row" if num_classes else ""
        raise ValueError(
            f"{OWNER}: labels must be a number of pictures >= 1{wanted}, for a generator of "
            f"{num_classes} classes. Received: labels={labels!r}"
        )
    for position, label in enumerate(index):
        if not 0 <= label < num_classes:
            raise ValueError(
                f"{OWNER}: labels must be classes from 0 to {num_classes - 1}. "
                f"Received: labels[{position}]={label}"
            )
    return index.astype("int32")


def is_generator(model) -> bool:
    """Whether this is a model of `models.build_generator`, by the names of its inputs."""
    return _inputs_of(model) in (["latent"], ["latent", "label"])


def _check_generator(generator) -> None:
    if not is_generator(generator):
        raise ValueError(
            "sample needs a model of models.build_generator, with the inputs `latent` and perhaps "
            f"`label`. Received: generator={generator!r}, inputs={_inputs_of(generator)}"
        )


def _inputs_of(model) -> list[str]:
    return [x.name for x in getattr(model, "inputs", None) or ()]


def classes_of(generator: keras.Model) -> int:
    """How many classes a generator knows; 0 makes images without."""
    counts = [
        layer.num_classes for layer in generator.layers if isinstance(layer, ConditionalBatchNorm)
    ]
    return counts[0] if counts else 0


def _row(generator: np.random.Generator, size: int, limit: float) -> np.ndarray:
    row = generator.standard_normal(size)
    while (beyond := np.abs(row) > limit).any():
        row[beyond] = generator.standard_normal(int(beyond.sum()))
    return row.astype("float32")


def channels_last(generator: keras.Model, images) -> np.ndarray:
    """The images that a generator made with their channels last."""
    (last,) = {layer.data_format for layer in generator.layers if isinstance(layer, SpectralConv2D)}
    array = np.asarray(images)
    return np.moveaxis(array, 1, -1) if last == "channels_first" else array


def _to_pixels(images: np.ndarray) -> np.ndarray:
    if not np.isfinite(images).all():
        raise ValueError(
            "The generator gives what is no number: its weights are damaged, as by a training that "
            "diverged or that saw a label beyond the classes."
        )
    return np.clip(np.round((images.astype("float32") + 1) * 127.5), 0, 255).astype("uint8")
