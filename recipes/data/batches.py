"""The batches that `fit` reads, and the images that are scored.

Everything that has a part in a batch is NumPy and Pillow, and grain hands the batches out: no part
needs TensorFlow, and all backends see the same ones.
"""

import functools
import os

import numpy as np

from ..recipe import Recipe
from . import augment, pictures
from .pictures import Unusable
from .splits import Split, Stream

# So many images fit into memory many times over.
TESTED = 250


def batches(
    split: Split | Stream,
    recipe: Recipe,
    *,
    size: int,
    first: int,
    last: int,
    seed: int,
    skip: int = 0,
    part: tuple[int, int] = (0, 1),
):
    """The batches of the epochs `first` to `last` (excluded), counted from 0, as a grain dataset.

    `part` is (number, parts): that one of so many equal parts of each batch. No image is read for
    the other parts, but for those that MixUp or CutMix mixes with this one's.

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

    here = np.split(np.arange(recipe.batch_size), part[1])[part[0]]

    def images(step, rows):
        epoch, within = divmod(step, steps)
        places = shuffled(epoch)[within * recipe.batch_size + rows]
        x, labels = split.take(places, size, augment.boxes(recipe, [seed, step], rows))
        x = augment.apply(x, recipe, [seed, step], rows, turned(epoch)[places])
        return pictures.resize(x, size), targets[labels]

    def batch(step):
        step = int(step)
        x, y = images(step, here)
        if not augment.mixes(recipe):
            return x, y
        whole = len(here) == recipe.batch_size
        others = (x[::-1], y[::-1]) if whole else images(step, recipe.batch_size - 1 - here)
        return augment.mix(x, y, others, recipe, [seed, step])

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
