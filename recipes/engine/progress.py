"""What happens beside the training steps: the log, states on disk, and a check of the loss."""

import csv
import io
import os
import pathlib
import time

import keras
import numpy as np

from ..recipe import Recipe
from . import distribute, state


class Progress(keras.callbacks.Callback):
    """Keeps a run's history and writes its state at each epoch's end and now and then.

    Args:
        output: The folder of the run.
        chosen: The recipe.
        position: Where the run is; this callback moves it on.
        steps: Steps in an epoch.
        save_every: Seconds after which the state is written in the midst of an epoch.
        devices: Those of the run; only the first process writes.
    Raises: FloatingPointError from `fit` at the step at which the loss is no number; the state on
        disk is then one from before.
    """

    def __init__(
        self,
        output: pathlib.Path,
        chosen: Recipe,
        position: state.Position,
        steps: int,
        save_every: float,
        devices: distribute.Devices = distribute.ONE,
    ):
        super().__init__()
        self.output, self.chosen, self.position = output, chosen, position
        self.steps, self.save_every, self.devices = steps, save_every, devices

    def on_epoch_begin(self, epoch, logs=None):
        self.skipped = self.position.step
        # `fit` has just set the metrics to zero.
        for variable, value in zip(
            self.model.metrics_variables, self.position.metrics, strict=False
        ):
            variable.assign(value)
        self.started = time.perf_counter() - self.position.seconds
        self.saved = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        step = self.skipped + batch + 1
        if not np.isfinite(float(logs["loss"])):
            kept = state.found(self.output)
            raise FloatingPointError(
                f"The loss is {float(logs['loss'])} at step {step} of epoch "
                f"{self.position.epoch + 1}. "
                + (f"The last state before is {kept[-1]}" if kept else "No state was written")
            )
        now = time.perf_counter()
        due = now - self.saved >= self.save_every
        if step < self.steps and self.devices.from_first(due):
            self.position.step, self.position.seconds = step, now - self.started
            model = self.model  # which brings it up to date on JAX
            self.position.metrics = [
                float(distribute.numpy(metric.value)) for metric in model.metrics_variables
            ]
            self._save()
            self.saved = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        size = self.chosen.size_at(epoch)
        row = {
            "epoch": epoch + 1,
            "size": size,
            "loss": round(float(logs["loss"]), 5),
            "accuracy": round(float(logs["accuracy"]), 5),
            "learning_rate": round(float(self.model.optimizer.learning_rate), 6),
            "seconds": round(time.perf_counter() - self.started, 1),
        }
        position = self.position
        position.history.append(row)
        position.epoch, position.step, position.seconds, position.metrics = epoch + 1, 0, 0.0, []
        if self.devices.first:
            print(self._line(row), flush=True)
            write(self.output / "history.csv", csv_text(position.history))
        self._save()

    def _save(self) -> None:
        state.save(self.output, self.model, self.position, self.devices)

    def _line(self, row: dict) -> str:
        # A pixel costs about the same at each size, so the pixels still to come tell the time.
        coming = range(row["epoch"], self.chosen.epochs)
        left = sum(self.chosen.size_at(epoch) ** 2 for epoch in coming)
        minutes = row["seconds"] * left / row["size"] ** 2 / 60
        told = ", ".join(f"{key} {value}" for key, value in row.items())
        return f"{told}, about {minutes:.0f} min left"


def csv_text(rows: list[dict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(path: pathlib.Path, text: str) -> None:
    """Write a text beside `path` first, then in its place."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
