"""One line on a terminal that tells how far a run is and how long it still takes."""

import sys
import time
from typing import TextIO

import keras

from ..recipe import Recipe

WIDTH = 30
# Seconds between two drawings.
PAUSE = 0.5


class Bar(keras.callbacks.Callback):
    """Draws a bar for an epoch, with the time left for the whole run.

    Args:
        chosen: The recipe.
        steps: Steps in an epoch.
        skipped: Of the first epoch, those that were done before.
        out: Where to write; None is the standard output.
    """

    def __init__(self, chosen: Recipe, steps: int, skipped: int = 0, out: TextIO | None = None):
        super().__init__()
        self.chosen, self.steps, self.skipped = chosen, steps, skipped
        self.out = out or sys.stdout

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.started, self.drawn = epoch, time.perf_counter(), 0.0
        self.before, self.skipped = self.skipped, 0

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if now - self.drawn < PAUSE:
            return
        self.drawn = now
        self.out.write("\r" + self.line(batch + 1, now - self.started, float(logs["loss"])))
        self.out.flush()

    def on_epoch_end(self, epoch, logs=None):
        self.out.write("\r\x1b[K")  # for the line of the log
        self.out.flush()

    def line(self, done: int, seconds: float, loss: float) -> str:
        """The bar after `done` steps of the epoch, which took so many seconds."""
        at = self.before + done
        full = WIDTH * at // self.steps
        left = told(seconds / done * self.coming(at))
        epochs = f"epoch {self.epoch + 1}/{self.chosen.epochs}"
        bar = f"[{'=' * full}{' ' * (WIDTH - full)}]"
        return f"{epochs} {bar} {at}/{self.steps}, loss {loss:.4f}, {left} left"

    def coming(self, at: int) -> float:
        """The steps still to come, each counted as its pixels are to those of this epoch."""
        size = self.chosen.size_at(self.epoch)
        later = range(self.epoch + 1, self.chosen.epochs)
        share = sum((self.chosen.size_at(epoch) / size) ** 2 for epoch in later)
        return self.steps - at + self.steps * share


def told(seconds: float) -> str:
    """Seconds as "1 h 02 min", "3 min 20 s" or "45 s".

    >>> told(200)
    '3 min 20 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
