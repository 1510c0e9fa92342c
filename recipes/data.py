"""Data sets by name, and the batches that `fit` reads.

Everything that has a part in a batch is NumPy and Pillow, and grain hands the batches out: no part
needs TensorFlow, and all backends see the same ones.
"""

import dataclasses
import functools
import os

import numpy as np

from keras_attention.layers.checks import nearest

from . import augment, folders, pictures, prepared
from .pictures import Unusable, unwrapped
from .recipe import Recipe
from .splits import Split, Stream, subset

__all__ = ["Split", "Stream", "Unusable", "subset", "unwrapped"]  # of the other files

# Read into memory whole. The photos of flowers5 have many sizes: 128 pixels of their middle.
SIDES = {"cifar10": None, "cifar100": None, "fashion_mnist": None, "flowers5": 128}
GENERATED = ("generated", "generated_grey")
STREAMED = ("imagenet2012",)
FOLDER = "folder:"
# So many of them fit into memory many times over.
TESTED = 250


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set whole: what it is called in a report, its label names and its splits."""

    title: str
    names: tuple[str, ...]
    splits: dict[str, Split | Stream]


def load(name: str, splits: tuple[str, ...] = ("train", "test")) -> Dataset:
    """The data set `name`: a TFDS name, "folder:PATH" or "generated".

    A TFDS name is looked for in the folder that TFDS_DATA_DIR names, as TFRecord or ArrayRecord
    files. Small sets are read into memory; others, and folders, are streamed.
    Raises: Unusable for an unknown name and for folders that are empty; FileNotFoundError with the
        command that prepares the data where it is missing.
    """
    if name in GENERATED:
        return _generated(splits, 1 if name.endswith("grey") else 3)
    if name.startswith(FOLDER):
        names, found = folders.load(name.removeprefix(FOLDER), splits)
        return Dataset(name, names, {split: Stream(files) for split, files in found.items()})
    known = sorted([*SIDES, *GENERATED, *STREAMED])
    if name not in known and not (name and prepared.find(name)):
        raise Unusable(
            f"Unknown data set.{nearest(name, known)} Received: {name!r}. "
            f"Known: {', '.join(known)}, folder:PATH, and what TFDS_DATA_DIR holds."
        )
    names, records = prepared.load(name, splits)
    title = f"{name} (JPEG)" if records[splits[0]].bytes(0)[:2] == b"\xff\xd8" else name
    read = functools.partial(_in_memory, side=SIDES[name]) if name in SIDES else Stream
    return Dataset(title, names, {split: read(found) for split, found in records.items()})


def _in_memory(found: prepared.Prepared, side: int | None) -> Split:
    images, labels = [], []
    for place in range(len(found)):
        image, label = found.open(place)
        images.append(pictures.array(pictures.fitted(image, side) if side else image))
        labels.append(label)
    return Split(np.stack(images), np.array(labels))


def _generated(splits, channels: int) -> Dataset:
    """Stripes whose direction and colour tell the class, with noise: for tests."""
    rows, columns = np.mgrid[0:32, 0:32]
    loaded = {}
    for split in splits:
        rng = np.random.default_rng(len(split))
        labels = np.arange(64) % 10
        angles = labels[:, None, None] * np.pi / 10
        waves = np.sin((np.cos(angles) * rows + np.sin(angles) * columns) * 0.8)
        colours = np.stack([labels % 2, labels % 3, labels % 5], axis=1)[:, None, None] * 20
        images = 128 + 40 * waves[..., None] + colours + rng.normal(0, 8, (64, 32, 32, 3))
        loaded[split] = Split(images.clip(0, 255).astype("uint8")[..., :channels], labels)
    return Dataset("generated", tuple(f"class {i}" for i in range(10)), loaded)


def batches(
    split: Split | Stream,
    recipe: Recipe,
    *,
    size: int,
    first: int,
    last: int,
    seed: int,
    skip: int = 0,
):
    """The batches of the epochs `first` to `last` (excluded), counted from 0, as a grain dataset.

    The order and the augmentation depend on the seed, the epoch and the step alone, so a run that
    was interrupted goes on with the batches that it would have seen: any batch can be made without
    those before it. The last, smaller batch of an epoch is dropped, as are the first `skip` batches
    of all.
    """
    import grain

    augment.check(recipe)
    steps = steps_per_epoch(split, recipe)
    targets = np.eye(split.classes, dtype="float32")
    shuffled = functools.lru_cache(2)(functools.partial(order, len(split), recipe.repeats, seed))
    turned = functools.lru_cache(2)(functools.partial(augment.alternating, len(split), seed))

    def batch(step):
        epoch, within = divmod(int(step), steps)
        places = shuffled(epoch)[within * recipe.batch_size :][: recipe.batch_size]
        draw = augment.boxes(recipe, [seed, step])
        x, labels = split.take(places, size, draw)
        mirrored = turned(epoch)[places]
        x = pictures.resize(augment.apply(x, recipe, [seed, step], mirrored), size)
        return augment.mix(x, targets[labels], recipe, [seed, step])

    numbers = grain.MapDataset.range(first * steps + skip, last * steps)
    return numbers.map(batch).to_iter_dataset(_reading(split))


def order(count: int, repeats: int, seed: int, epoch: int) -> np.ndarray:
    """The images of an epoch by number, each `repeats` times in a row; `count` in all."""
    shuffled = np.random.default_rng([seed, epoch, augment.ORDER]).permutation(count)
    return np.repeat(shuffled[: -(-count // repeats)], repeats)[:count]


def steps_per_epoch(split: Split | Stream, recipe: Recipe) -> int:
    """Whole batches in one epoch.

    Raises: Unusable where there is not one.
    """
    if recipe.batch_size > len(split):
        raise Unusable(
            f"batch_size must be at most the {len(split)} training images. "
            f"Received: batch_size={recipe.batch_size}"
        )
    return len(split) // recipe.batch_size


def test_images(split: Split | Stream, size: int, share: float = 1.0):
    """All images for `predict`, in their order: `size` pixels a side, the middle `share` of each.

    In memory where the split is, else as a grain dataset of batches.
    """
    if isinstance(split, Split):
        return split.test(np.arange(len(split)), size, share)
    import grain

    def batch(start):
        return split.test(np.arange(start, min(start + TESTED, len(split))), size, share)

    starts = grain.MapDataset.range(0, len(split), TESTED)
    return starts.map(batch).to_iter_dataset(_reading(split))


def sample(split: Split | Stream, count: int, size: int) -> np.ndarray:
    """At most `count` images in memory: the first, or from all over a split that is streamed."""
    if isinstance(split, Split):
        return split.images[:count]
    places = np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int)
    return split.test(places, size, 1.0)


def _reading(split: Split | Stream):
    """How many batches are made at once and kept ahead."""
    import grain

    threads = min(16, os.cpu_count() or 1) if isinstance(split, Stream) else 2
    return grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
