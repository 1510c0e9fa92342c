"""Many images in one picture."""

import pathlib

import numpy as np

from ..data import pictures

ACROSS = 8


def save(path: pathlib.Path, images: np.ndarray) -> None:
    """Write images (N, H, W, C) in -1..1 as a PNG, eight in a row."""
    images = to_bytes(images)
    count, height, width, channels = images.shape
    rows = -(-count // ACROSS)
    grid = np.zeros((rows * ACROSS, height, width, channels), "uint8")
    grid[:count] = images
    grid = grid.reshape(rows, ACROSS, height, width, channels).swapaxes(1, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.image(grid.reshape(rows * height, ACROSS * width, channels)).save(path)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Images in -1..1 as uint8."""
    return ((np.asarray(images, "float32") + 1) * 127.5).round().clip(0, 255).astype("uint8")
