"""Data sets that TensorFlow Datasets has prepared, read at any place and without TensorFlow."""

import functools
import hashlib
import mmap
import os
import pathlib
import struct
import threading

import numpy as np

from . import pictures

# Of a record in a TFRecord file: its length, that number's checksum; its own checksum follows it.
HEAD, TAIL = 12, 4


def find(name: str) -> pathlib.Path | None:
    """The folder of the newest version of a data set, or None."""
    found = [
        path.parent
        for path in (_root() / name).glob("**/dataset_info.json")
        if path.parent.name.replace(".", "").isdigit()
    ]
    return max(found, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def load(name: str, splits: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, "Prepared"]]:
    """The names of the labels, and the pictures of each split, from TFRecord or ArrayRecord files.

    Raises: FileNotFoundError with the command that prepares the data where they are missing;
        Unusable for data without images and labels.
    """
    folder = find(name)
    if folder is None:
        raise FileNotFoundError(
            f"{name} is not prepared in {_root()}. Set TFDS_DATA_DIR to a folder that holds it, or "
            "prepare it, which needs TensorFlow: "
            f"python -c \"import tensorflow_datasets as t; t.load('{name}')\""
        )
    builder = _tfds().builder_from_directory(folder)
    if not {"image", "label"} <= set(builder.info.features):
        raise pictures.Unusable(
            "A data set must have the features image and label. "
            f"Received: {name} with {', '.join(sorted(builder.info.features))}"
        )
    names = tuple(builder.info.features["label"].names)
    return names, {split: Prepared(builder, _split_of(builder, split)) for split in splits}


class Prepared:
    """The records of one split, as `splits.Pictures` has it."""

    def __init__(self, builder, split: str):
        self.where = f"{builder.info.name}, split {split}, image"
        features = builder.info.features
        self.channels = features["image"].shape[-1] or 3
        self.classes = features["label"].num_classes
        self.info = builder.info.splits[split]
        skip = {"image": _tfds().decode.SkipDecoding()}
        if builder.info.file_format.value == "tfrecord":
            parse = functools.partial(features.deserialize_example_np, decoders=skip)
            self.records = Records(self.info.file_instructions, parse)
        else:
            self.records = builder.as_data_source(split, decoders=skip)

    def __len__(self) -> int:
        return len(self.records)

    def bytes(self, place: int) -> bytes:
        """An image as it is stored."""
        return self.records[place]["image"]

    def open(self, place: int):
        record = self.records[place]
        image = pictures.decoded(record["image"], f"{self.where} {place}", self.channels)
        return image, int(record["label"])

    def labels(self) -> np.ndarray:
        return np.array([int(self.records[place]["label"]) for place in range(len(self))])

    def fingerprint(self) -> str:
        told = f"{self.where} {self.info.shard_lengths} {self.info.num_bytes}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


class Records:
    """What TFRecord files hold, by number. The first access reads each record's length."""

    def __init__(self, instructions, parse):
        self.instructions, self.parse = instructions, parse
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return sum(part.take for part in self.instructions)

    def __getitem__(self, place: int):
        with self.lock:  # so that one thread alone makes the index
            files, index = self._index
        file, start, end = index[place]
        return self.parse(files[file][start:end])

    @functools.cached_property
    def _index(self):
        files, index = [], []
        for number, part in enumerate(self.instructions):
            with pathlib.Path(part.filename).open("rb") as file:
                files.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            spans = _spans(files[-1], str(part.filename), part.skip + part.take)[part.skip :]
            index += [(number, start, end) for start, end in spans]
        return files, np.array(index)


def _spans(data: mmap.mmap, name: str, count: int) -> list[tuple[int, int]]:
    """Where each of the first `count` records of a file begins and ends."""
    spans, start = [], 0
    for _ in range(count):
        end = start + HEAD
        if end <= len(data):
            end += struct.unpack_from("<Q", data, start)[0]
        if end + TAIL > len(data):
            raise pictures.Unusable(f"{name} ends within record {len(spans)} of {count}")
        spans.append((start + HEAD, end))
        start = end + TAIL
    return spans


def _split_of(builder, split: str) -> str:
    """The name of a split; the test split of sets that have none with labels is their validation.

    Raises: Unusable for one that is missing.
    """
    known, name = builder.info.splits, builder.info.name
    wanted = split
    if split == "test" and ("test" not in known or name in UNLABELLED):
        wanted = "validation"
    if wanted not in known:
        raise pictures.Unusable(
            f"Unknown split of {name}. Received: {split!r}. Known: {', '.join(known)}."
        )
    return wanted


def _root() -> pathlib.Path:
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _tfds():
    try:
        import tensorflow_datasets
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            f'Data sets by name need {error.name}: pip install -e ".[recipes]"'
        ) from error
    return tensorflow_datasets


# Their test sets have -1 for every label.
UNLABELLED = ("imagenet2012",)
