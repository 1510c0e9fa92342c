"""Data sets by name, as arrays in memory, and the batches that `fit` reads."""

import dataclasses
import hashlib
import os

import numpy as np

from keras_attention.layers.checks import nearest

from . import augment
from .recipe import Recipe

DATASETS = ("cifar10", "fashion_mnist", "flowers5", "generated", "generated_grey")
# Photos of many sizes are scaled to that many pixels on the shorter side, whose middle is kept.
SIDES = {"flowers5": 128}


@dataclasses.dataclass(frozen=True)
class Split:
    """Images (N, height, width, channels) in 0..255, uint8, and the index of each one's label."""

    images: np.ndarray
    labels: np.ndarray

    def fingerprint(self) -> str:
        """A hash of the pixels and labels, to tell apart two copies of one data set."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images))
        digest.update(np.ascontiguousarray(self.labels.astype("<i8")))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set whole: what it is called in a report, its label names and its splits."""

    title: str
    names: tuple[str, ...]
    splits: dict[str, Split]


def load(name: str, splits: tuple[str, ...] = ("train", "test")) -> Dataset:
    """The data set `name`, from the TFDS folder that TFDS_DATA_DIR names.

    Raises: ValueError for an unknown name; FileNotFoundError with the command that prepares the
        data where it is missing.
    """
    if name.startswith("generated") and name in DATASETS:
        return _generated(splits, 1 if name.endswith("grey") else 3)
    if name not in DATASETS:
        raise ValueError(
            f"Unknown data set.{nearest(name, DATASETS)} Received: {name!r}. "
            f"Known: {', '.join(DATASETS)}."
        )
    return _from_tfds(name, splits)


def _from_tfds(name: str, splits) -> Dataset:
    import tensorflow_datasets as tfds

    folder = os.environ.get("TFDS_DATA_DIR")
    decoders = {"image": tfds.decode.SkipDecoding()}
    try:
        builder = tfds.builder(name, data_dir=folder)
        sets = {split: builder.as_dataset(split, decoders=decoders) for split in splits}
    except (AssertionError, tfds.core.DatasetNotFoundError) as error:
        raise FileNotFoundError(
            f"{name} is not prepared in {folder or 'the default TFDS folder'}. Set TFDS_DATA_DIR "
            f"to a folder that holds it, or fetch it: "
            f"python -c \"import tensorflow_datasets as t; t.load('{name}')\""
        ) from error
    title, loaded = name, {}
    for split, examples in sets.items():
        images, labels = [], []
        for example in examples:
            data = example["image"]
            lossy = bytes(data.numpy()[:2]) == b"\xff\xd8"
            title = f"{name} (JPEG)" if lossy else title
            images.append(_squared(_decoded(data, lossy), SIDES.get(name)).numpy())
            labels.append(int(example["label"]))
        loaded[split] = Split(np.stack(images), np.array(labels))
    return Dataset(title, tuple(builder.info.features["label"].names), loaded)


def _decoded(data, lossy: bool):
    import tensorflow as tf

    # The default decoder's fast transform shifts colours by about a grey level.
    return (
        tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE") if lossy else tf.io.decode_png(data)
    )


def _squared(image, side: int | None):
    """The middle of an image whose shorter side is scaled to `side` pixels; None leaves it."""
    import tensorflow as tf

    if side is None:
        return image
    height, width = image.shape[:2]
    scale = side / min(height, width)
    sides = (max(side, round(height * scale)), max(side, round(width * scale)))
    image = tf.image.resize(image, sides, "bicubic", antialias=True)
    image = tf.image.resize_with_crop_or_pad(image, side, side)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), "uint8")


def subset(split: Split, count: int | None) -> Split:
    """The first images of each class, as many of each, `count` in all; None takes the whole."""
    if count is None:
        return split
    classes = int(split.labels.max()) + 1
    chosen = [np.flatnonzero(split.labels == c)[: count // classes] for c in range(classes)]
    if count % classes or any(len(found) < count // classes for found in chosen):
        raise ValueError(
            f"train_images must be a multiple of the {classes} classes, each of which must have "
            f"as many images. Received: train_images={count}"
        )
    order = np.sort(np.concatenate(chosen))
    return Split(split.images[order], split.labels[order])


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
    split: Split, recipe: Recipe, *, size: int, first: int, last: int, seed: int, skip: int = 0
):
    """A tf.data pipeline over the epochs `first` to `last` (excluded), counted from 0.

    The order and the augmentation depend on the seed, the epoch and the step alone, so a run that
    was interrupted goes on with the batches that it would have seen. The last, smaller batch of an
    epoch is dropped, as are the first `skip` batches of all.
    """
    import tensorflow as tf

    images = tf.constant(split.images)
    targets = tf.one_hot(split.labels, int(split.labels.max()) + 1)
    count = len(split.labels)
    steps = steps_per_epoch(split, recipe)

    def order(epoch):
        shuffled = tf.random.experimental.stateless_shuffle(tf.range(count), [seed, epoch])
        return tf.data.Dataset.from_tensor_slices(shuffled[: steps * recipe.batch_size])

    def batch(step, chosen):
        place = [tf.cast(seed, tf.int64), step]
        x = augment.apply(tf.gather(images, chosen), recipe, place)
        return augment.mix(augment.resize(x, size), tf.gather(targets, chosen), recipe, place)

    chosen = tf.data.Dataset.range(first, last).flat_map(order)
    chosen = chosen.batch(recipe.batch_size, drop_remainder=True).skip(skip)
    numbers = tf.data.Dataset.range(first * steps + skip, last * steps)
    return tf.data.Dataset.zip(numbers, chosen).map(batch, num_parallel_calls=1).prefetch(2)


def steps_per_epoch(split: Split, recipe: Recipe) -> int:
    """Whole batches in one epoch.

    Raises: ValueError where there is not one.
    """
    if recipe.batch_size > len(split.labels):
        raise ValueError(
            f"batch_size must be at most the {len(split.labels)} training images. "
            f"Received: batch_size={recipe.batch_size}"
        )
    return len(split.labels) // recipe.batch_size
