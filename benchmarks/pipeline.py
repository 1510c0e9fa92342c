"""Images a second that the recipes' pipeline makes, beside those that a training step consumes.

Run      KERAS_BACKEND=torch python -m benchmarks.pipeline [BATCHES [ROUNDS]]
Needs    no data: the images are noise, of the data's size
Prints   a table, one row per recipe and size of its images: images/s of the pipeline alone and of
         the step alone, each a median over rounds (5 if not told) of so many batches (10),
         alternately in one process, and the first divided by the second
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

RECIPES = ("cifar10_resnet18w16", "fashion_mnist_preact20", "cifar10_airbench", "cifar10_cct2")
IMAGES, CLASSES = 50_000, 10
# Batches: the last is more than the pipeline keeps ahead.
WARM_UP, AHEAD = 2, 8


def compare(name: str, count: int, rounds: int) -> list[tuple[str, int, str, str, str]]:
    """The rows of one recipe."""
    import keras

    from recipes import data, recipe
    from recipes.engine import optimize, run

    chosen = recipe.find(name)()
    keras.config.set_dtype_policy(chosen.precision)
    split = noise(chosen)
    names = tuple(str(number) for number in range(CLASSES))
    model = run.build(chosen, data.Dataset("noise", names, {"train": split}), seed=0)
    optimize.compile_(model, chosen, data.steps_per_epoch(split, chosen))
    rows = []
    for size in dict.fromkeys(size for _, size in chosen.sizes):
        made = iter(data.batches(split, chosen, size=size, first=0, last=100, seed=0))
        batch = next(made)
        ours, step = rates(made, lambda batch=batch: model.train_on_batch(*batch), count, rounds)
        ours, step = ours * chosen.batch_size, step * chosen.batch_size
        rows.append((name, size, f"{ours:.0f}", f"{step:.0f}", f"{ours / step:.1f}"))
    return rows


def noise(chosen):
    """Images of the recipe's last size, as many as CIFAR-10 has."""
    from recipes import data

    side, channels = chosen.sizes[-1][1], len(chosen.mean)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, side, side, channels), "uint8")
    return data.Split(images, np.arange(IMAGES) % CLASSES)


def rates(made: Iterator, step: Callable, count: int, rounds: int) -> tuple[float, float]:
    """Batches a second of an iterator and calls a second of a step, medians over rounds."""
    for _ in range(WARM_UP):
        step()
    pipeline, steps = [], []
    for _ in range(rounds):
        for _ in range(AHEAD):  # made while the steps ran
            next(made)
        pipeline.append(_rate(lambda: next(made), count))
        steps.append(_rate(step, count))
    return statistics.median(pipeline), statistics.median(steps)


def _rate(function: Callable, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        function()
    return count / (time.perf_counter() - started)


def main(count: int = 10, rounds: int = 5) -> None:
    from benchmarks import layers

    rows = [row for name in RECIPES for row in compare(name, count, rounds)]
    print(layers.table(("recipe", "size", "pipeline, images/s", "step, images/s", "ratio"), rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
