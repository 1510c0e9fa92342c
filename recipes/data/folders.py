"""Images in folders named for their classes: PATH/train/CLASS/*.jpg and PATH/test or PATH/val."""

import hashlib
import os
import pathlib

import numpy as np

from . import pictures

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
NAMES = {"train": ("train",), "test": ("test", "val", "validation")}


def load(path: str, splits: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, "Folder"]]:
    """The classes, which are the folders of the first split, and the pictures of each split.

    Raises: FileNotFoundError for folders that are missing; Unusable for empty ones and for a
        split whose classes differ.
    """
    found = {split: _files(_below(path, split)) for split in splits}
    names = tuple(found[splits[0]])
    for split, files in found.items():
        if tuple(files) != names:
            odd = sorted(set(files) ^ set(names))
            raise pictures.Unusable(
                f"The splits of an image folder must have the same classes. Received: {path}, "
                f"where {split} and {splits[0]} differ in {', '.join(odd[:5])}"
            )
    return names, {split: Folder(files) for split, files in found.items()}


class Folder:
    """The files of one split, as `splits.Pictures` has it."""

    def __init__(self, files: dict[str, list[pathlib.Path]]):
        self.files = [path for found in files.values() for path in found]
        self.classes = len(files)
        self._labels = np.repeat(np.arange(len(files)), [len(found) for found in files.values()])

    def __len__(self) -> int:
        return len(self.files)

    def open(self, place: int):
        path = self.files[place]
        return pictures.decoded(path, str(path)), int(self._labels[place])

    def labels(self) -> np.ndarray:
        return self._labels

    def fingerprint(self) -> str:
        told = [f"{p.parent.name}/{p.name} {p.stat().st_size}\n" for p in self.files]
        return hashlib.sha256("".join(told).encode()).hexdigest()[:16]


def _below(path: str, split: str) -> pathlib.Path:
    root = pathlib.Path(path).expanduser()
    for name in NAMES[split]:
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(
        f"An image folder needs {' or '.join(f'{root}/{name}' for name in NAMES[split])}, with a "
        f"folder of pictures for each class. Make it: mkdir -p {root}/{split}/CLASS"
    )


def _files(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The pictures of each class, both in the order of their names."""
    with os.scandir(folder) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    found = {name: _pictures(folder / name) for name in classes}
    empty = [name for name, files in found.items() if not files]
    if empty or not found:
        what = ", ".join(str(folder / name) for name in empty[:5]) or str(folder)
        raise pictures.Unusable(
            f"An image folder needs pictures ({', '.join(ENDINGS)}) in the folder of each class. "
            f"Received none in: {what}"
        )
    return found


def _pictures(folder: pathlib.Path) -> list[pathlib.Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.lower().endswith(ENDINGS))
    return [folder / name for name in names]
