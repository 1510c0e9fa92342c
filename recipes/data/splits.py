"""One split of a data set: whole in memory, or read image by image when it is needed."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from . import pictures

# What draws the box to cut out of an image of (width, height).
Draw = Callable[[tuple[int, int]], tuple[float, float, float, float]]


@dataclasses.dataclass(frozen=True)
class Split:
    """Images (N, height, width, channels) in 0..255, uint8, and the index of each one's label."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    def fingerprint(self) -> str:
        """A hash of the pixels and labels, to tell apart two copies of one data set."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images))
        digest.update(np.ascontiguousarray(self.labels.astype("<i8")))
        return digest.hexdigest()[:16]

    def at(self, places: np.ndarray) -> "Split":
        """Some of the images, in that order."""
        return Split(self.images[places], self.labels[places])

    def take(self, places: np.ndarray, size: int, draws: Sequence[Draw] | None = None):
        """Images and labels: as they are, or boxes of them at `size` pixels a side."""
        images, labels = self.images[places], self.labels[places]
        if draws is None:
            return images, labels
        pairs = zip((pictures.image(x) for x in images), draws, strict=True)
        cut = [pictures.cut(image, size, draw(image.size)) for image, draw in pairs]
        return np.stack([pictures.array(image) for image in cut]), labels

    def test(self, places: np.ndarray, size: int, share: float) -> np.ndarray:
        """Images at `size` pixels a side, the middle `share` of each."""
        images = self.images[places]
        if share == 1 and images.shape[1] == images.shape[2]:
            return pictures.resize(images, size)
        fitted = [pictures.fitted(pictures.image(x), size, share) for x in images]
        return np.stack([pictures.array(image) for image in fitted])


class Pictures(Protocol):
    """Encoded images by number; both methods may be called by several threads at once."""

    classes: int

    def __len__(self) -> int: ...

    def open(self, place: int) -> tuple[object, int]:
        """A Pillow image and the index of its label."""

    def labels(self) -> np.ndarray:
        """All labels, without decoding an image."""

    def fingerprint(self) -> str:
        """A hash that tells two copies apart, without reading them whole."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """A split whose images are read and decoded when they are needed, and then forgotten."""

    pictures: Pictures
    places: Sequence[int] | None = None  # of those that belong to it; None for all

    def __len__(self) -> int:
        return len(self.pictures if self.places is None else self.places)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        labels = self.pictures.labels()
        return labels if self.places is None else labels[self.places]

    @property
    def classes(self) -> int:
        return self.pictures.classes

    def fingerprint(self) -> str:
        return self.pictures.fingerprint()

    def at(self, places: np.ndarray) -> "Stream":
        """Some of the images, in that order."""
        return Stream(self.pictures, [self._place(place) for place in places])

    def take(self, places: np.ndarray, size: int, draws: Sequence[Draw] | None = None):
        """Images and labels: at `size` pixels a side, the middle of each or a box that is drawn."""
        images, labels = [], []
        for place, draw in zip(places, draws or [None] * len(places), strict=True):
            image, label = self.pictures.open(self._place(place))
            fits = pictures.fitted(image, size) if draw is None else None
            images.append(pictures.array(fits or pictures.cut(image, size, draw(image.size))))
            labels.append(label)
        return np.stack(images), np.array(labels)

    def test(self, places: np.ndarray, size: int, share: float) -> np.ndarray:
        """Images at `size` pixels a side, the middle `share` of each."""
        images = (self.pictures.open(self._place(place))[0] for place in places)
        return np.stack([pictures.array(pictures.fitted(x, size, share)) for x in images])

    def _place(self, place) -> int:
        return int(place if self.places is None else self.places[place])


def subset(split, count: int | None):
    """The first images of each class, as many of each, `count` in all; None takes the whole."""
    if count is None:
        return split
    classes, labels = split.classes, split.labels
    chosen = [np.flatnonzero(labels == c)[: count // classes] for c in range(classes)]
    if count % classes or any(len(found) < count // classes for found in chosen):
        raise pictures.Unusable(
            f"train_images must be a multiple of the {classes} classes, each of which must have "
            f"as many images. Received: train_images={count}"
        )
    return split.at(np.sort(np.concatenate(chosen)))
