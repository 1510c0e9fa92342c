"""Training steps of one recipe with different attention, in turn in one process.

Run      KERAS_BACKEND=tensorflow python -m benchmarks.rows cifar10_airbench none,se,cbam [ROUNDS]
Needs    no data: the images are noise of the data's last size; "own", "constant" and "wide" are
         rows too, as for recipes.ablate
Prints   JSON, which `recipes.evidence` reads as RUNS/RECIPE/speed.json: by row the images a second
         (the median over rounds, 15 if not told, of a step each) and, of all but the first, how
         many times as long as the first's a step takes: the geometric mean of the rounds' ratios
         with its 95 % interval, "low" to "high"
"""

import json
import math
import os
import statistics
import sys
from collections.abc import Callable

import numpy as np

from . import timing

CLASSES = 10


def compare(name: str, rows: list[str], rounds: int, *words: str) -> dict[str, dict]:
    """By row what the text above says; `words` are more of a command line of `recipes.train`."""
    from keras_attention.layers.checks import at_least
    from recipes import train

    at_least(2, "rows", rounds=rounds)  # one gives no interval

    def resolved(row):
        return train.resolved([name, *words, *([] if row == "own" else ["--attention", row])])

    recipes = {row: resolved(row) for row in rows}
    steps = {row: step(chosen) for row, chosen in recipes.items()}
    seconds = timing.alternating(steps, rounds)
    return summary(seconds, {row: chosen.batch_size for row, chosen in recipes.items()})


def step(chosen) -> Callable:
    """A function that trains a model of this recipe for a step, until it is done."""
    import keras

    from recipes import data
    from recipes.engine import optimize, run

    keras.config.set_dtype_policy(chosen.precision)
    rng = np.random.default_rng(0)
    side, count = chosen.sizes[-1][1], chosen.batch_size
    images = rng.integers(0, 256, (count, side, side, len(chosen.mean)), "uint8")
    split = data.Split(images, np.arange(count) % CLASSES)
    names = tuple(str(number) for number in range(CLASSES))
    model = run.build(chosen, data.Dataset("noise", names, {"train": split}), seed=0)
    optimize.compile_(model, chosen, steps=1000)
    targets = np.eye(CLASSES, dtype="float32")[split.labels]
    return lambda: float(model.train_on_batch(images, targets, return_dict=True)["loss"])


def summary(seconds: dict[str, list[float]], images: dict[str, int]) -> dict[str, dict]:
    """By row the images a second and, of all but the first, the ratio of the times of a step."""
    from recipes import ablate

    first, found = next(iter(seconds)), {}
    for row, times in seconds.items():
        rate = images[row] / statistics.median(times)
        found[row] = {"images_per_second": round(rate, 1)}
        if row != first:
            ratio = ablate.paired(np.log(np.divide(times, seconds[first])))
            found[row] |= {
                key: round(math.exp(ratio[name]), 4)
                for key, name in (("ratio", "mean"), ("low", "low"), ("high", "high"))
            }
    return found


def main(name: str, rows: str, rounds: str = "15") -> None:
    from recipes.engine import run

    found = compare(name, rows.split(","), int(rounds))
    told = {"rows": found, "rounds": int(rounds), **run.made_by()}
    words = ["python", "-m", "benchmarks.rows", name, rows]
    words += [rounds] if rounds != "15" else []
    if threads := os.environ.get("OMP_NUM_THREADS"):
        words.insert(0, f"OMP_NUM_THREADS={threads}")
    print(json.dumps({**told, "command": " ".join(words)}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
