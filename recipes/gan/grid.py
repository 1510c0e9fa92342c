"""Samples in one picture."""

import pathlib

import numpy as np

import keras_attention as ka

from ..data import pictures


def save(path: pathlib.Path, images: np.ndarray) -> None:
    """Write images (N, H, W, C) in -1..1 as a PNG, eight in a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.image(ka.models.grid(to_bytes(images), across=8)).save(path)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Images in -1..1 as uint8."""
    return ((np.asarray(images, "float32") + 1) * 127.5).round().clip(0, 255).astype("uint8")
