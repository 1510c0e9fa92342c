"""Data sets by name."""

import dataclasses
import functools

import numpy as np

from keras_attention.layers.checks import nearest

from . import folders, pictures, prepared
from .pictures import Unusable
from .splits import Split, Stream

# Read into memory whole. The photos of flowers5 have many sizes: 128 pixels of their middle.
SIDES = {"cifar10": None, "cifar100": None, "fashion_mnist": None, "flowers5": 128}
GENERATED = ("generated", "generated_grey")
STREAMED = ("imagenet2012",)
FOLDER = "folder:"


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
