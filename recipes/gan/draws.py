"""The batches of adversarial training: images, and the latents, labels and draws that go with them.

All is NumPy and depends on the seed and the step alone: a run that was interrupted goes on with
what it would have seen, and all backends see the same.
"""

import functools

import numpy as np

from .. import data
from ..data import pictures
from . import augment, shapes
from .recipe import GanRecipe

SPLITS = ("train",)
# What a stream of numbers is for.
ORDER, MIRRORED, DRAWN, FIXED = 2000, 2001, 2002, 2003
SHOWN = 64


def load(chosen: GanRecipe):
    """(title, number of classes, training split) of the recipe's data set."""
    if chosen.dataset == shapes.NAME:
        split = shapes.Shapes()
        title, classes = shapes.NAME, 0
    else:
        found = data.load(chosen.dataset, SPLITS)
        split, title, classes = found.splits["train"], found.title, len(found.names)
    if chosen.conditional and not classes:
        raise data.Unusable(f"{title} has no labels. Received: conditional=True")
    if chosen.batch_size > len(split):
        raise data.Unusable(
            f"batch_size must be at most the {len(split)} training images. "
            f"Received: batch_size={chosen.batch_size}"
        )
    return title, classes if chosen.conditional else 0, split


def batches(split, chosen: GanRecipe, classes: int, *, seed: int, first: int, last: int):
    """The batches of the steps `first` to `last` (excluded), as a grain dataset of dicts.

    images (d_steps, B, size, size, C) uint8 and labels (d_steps, B); latents
    (d_steps + 1, B, latent), drawn_labels and draws, of which the generator's step has the last.
    """
    import grain

    made = functools.partial(batch, split, chosen, classes, seed)
    numbers = grain.MapDataset.range(first, last)
    return numbers.map(made).to_iter_dataset(grain.ReadOptions(num_threads=2))


def batch(split, chosen: GanRecipe, classes: int, seed: int, step: int) -> dict:
    step = int(step)
    rng = np.random.default_rng([seed, step, DRAWN])
    shown, count = (chosen.d_steps + 1, chosen.batch_size), chosen.batch_size
    real = [_real(split, chosen, seed, step * chosen.d_steps + i) for i in range(chosen.d_steps)]
    drawn = augment.draw(rng, shown[0] * count, chosen.size)
    return {
        "images": np.stack([images for images, _ in real]),
        "labels": np.stack([labels for _, labels in real]).astype("int32"),
        "latents": rng.standard_normal((*shown, chosen.latent), "float32"),
        "drawn_labels": rng.integers(0, max(1, classes), shown, "int32"),
        "draws": drawn.reshape(*shown, len(augment.COLUMNS)),
    }


def _real(split, chosen: GanRecipe, seed: int, number: int):
    """The real images and labels of the `number`-th step of the discriminator."""
    epoch, within = divmod(number, len(split) // chosen.batch_size)
    places = _order(len(split), seed, epoch)[within * chosen.batch_size :][: chosen.batch_size]
    images, labels = fitted(split, places, chosen)
    if chosen.flip:
        rng = np.random.default_rng([seed, number, MIRRORED])
        mirrored = rng.integers(0, 2, len(places), "uint8").astype(bool)
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    return images, labels


@functools.lru_cache(4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, ORDER]).permutation(count)


def fitted(split, places: np.ndarray, chosen: GanRecipe):
    """Images (B, size, size, C), uint8, and labels."""
    images, labels = split.take(places, chosen.size)
    over = chosen.size - images.shape[1]
    if chosen.fit == "pad" and over > 0:
        sides = (over // 2, over - over // 2)
        return np.pad(images, ((0, 0), sides, sides, (0, 0))), labels
    return pictures.resize(images, chosen.size).round().clip(0, 255).astype("uint8"), labels


def fixed(split, chosen: GanRecipe, classes: int, seed: int):
    """(latents, labels, real images in -1..1) that a run is watched by, always the same."""
    rng = np.random.default_rng([seed, FIXED])
    latents = rng.standard_normal((SHOWN, chosen.latent), "float32")
    labels = (np.arange(SHOWN) % max(1, classes)).astype("int32")
    places = rng.choice(len(split), min(SHOWN, len(split)), replace=False)
    return latents, labels, fitted(split, places, chosen)[0] / np.float32(127.5) - 1
