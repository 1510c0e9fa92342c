"""Training steps a second of `recipes.train`'s fit beside Keras's bare `model.fit`.

Run      KERAS_BACKEND=torch python -m benchmarks.engine [STEPS [ROUNDS]]
Needs    no data: the images are noise
Prints   a line of JSON: steps/s of both, medians over rounds (31) of epochs of so many steps
         (20); the geometric mean of the rounds' ratios with its 95 % interval, "low" to "high"; and
         "cpu", that mean for processor time. Both train one compiled model, alternately, on the
         same uint8 arrays in batches of the same size, without augmentation. The engine's time
         holds its log, its check of every loss and the state that it writes at the end of each
         epoch; longer epochs have less of the last. A round's ratio varies by some percent, so few
         rounds tell nothing.
"""

import contextlib
import io
import json
import math
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np

RECIPE, SIZE, CLASSES = "cifar10_resnet18w16", 32, 10


class Pair:
    """One model, trained for an epoch at a time by either way."""

    def __init__(self, chosen, steps: int, folder: pathlib.Path):
        import keras

        from recipes import data
        from recipes.engine import optimize, run, state

        keras.config.set_dtype_policy(chosen.precision)
        count = steps * chosen.batch_size
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (count, SIZE, SIZE, 3), "uint8")
        self.split = data.Split(images, np.arange(count) % CLASSES)
        self.targets = np.eye(CLASSES, dtype="float32")[self.split.labels]
        names = tuple(str(number) for number in range(CLASSES))
        dataset = data.Dataset("noise", names, {"train": self.split})
        self.model = run.build(chosen, dataset, seed=0)
        optimize.compile_(self.model, chosen, 1000 * steps)
        self.chosen, self.steps, self.folder = chosen, steps, folder
        self.position = state.Position()

    def ours(self) -> None:

        from recipes.engine import progress, run

        chosen = self.chosen.replace(sizes=((self.position.epoch + 1, SIZE),))
        log = progress.Progress(self.folder, chosen, self.position, self.steps, save_every=300)
        with contextlib.redirect_stdout(io.StringIO()):
            run.fit(self.model, chosen, self.split, 0, log)

    def theirs(self) -> None:
        size = self.chosen.batch_size
        self.model.fit(self.split.images, self.targets, batch_size=size, epochs=1, verbose=0)


def compare(steps: int, rounds: int, **fields) -> dict[str, float]:
    """Steps a second of both; `fields` change the recipe."""
    from recipes import ablate, recipe

    chosen = recipe.find(RECIPE)().replace(augment=(), **fields)
    wall: dict[str, list[float]] = {"engine": [], "bare": []}
    cpu: dict[str, list[float]] = {"engine": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(chosen, steps, pathlib.Path(folder))
        ways = [("engine", pair.ours), ("bare", pair.theirs)]
        for _, way in ways:
            way()
        for number in range(rounds):
            for name, way in ways if number % 2 else reversed(ways):
                started, used = time.perf_counter(), time.process_time()
                way()
                wall[name].append((time.perf_counter() - started) / steps)
                cpu[name].append((time.process_time() - used) / steps)
    found = {name: 1 / statistics.median(values) for name, values in wall.items()}
    ratio = ablate.paired(_log_ratios(wall))
    found |= {"ratio": ratio["mean"], "low": ratio["low"], "high": ratio["high"]}
    found["cpu"] = ablate.paired(_log_ratios(cpu))["mean"]
    means = ("ratio", "low", "high", "cpu")
    return {name: math.exp(value) if name in means else value for name, value in found.items()}


def _log_ratios(seconds: dict[str, list[float]]) -> np.ndarray:
    """Above 0 where the engine took less."""
    return np.log(np.divide(seconds["bare"], seconds["engine"]))


def main(steps: int = 20, rounds: int = 31) -> None:
    print(json.dumps({name: round(value, 3) for name, value in compare(steps, rounds).items()}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
