"""What a run asks of its devices, and the one device that most runs have."""

import contextlib
import os
import sys
import traceback

import keras
import numpy as np

from ...recipe import Recipe

# Seconds of silence after which a process counts as dead, and the others stop.
SILENCE = 30
# The exit code of a process that failed beside others.
FAILED = 1


class Devices:
    """One device in one process; subclasses are several.

    Attributes:
        replicas: Parts of a batch that are computed beside each other.
        count: Devices.
        processes, process: How many processes there are, and which one this is.
        batch_norm: Whether batch normalisation sees the "global" batch or its part "per replica".
        state_suffix: What a state is: a file of all variables, or a folder to which each host
            writes its own.
    """

    kind = "none"
    batch_norm = "global"
    replicas = count = processes = 1
    process = 0
    state_suffix = ".safetensors"

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes states, logs and results."""
        return self.process == 0

    def check(self, chosen: Recipe) -> None:
        """Raises: ValueError for a recipe that these devices cannot run as one device does."""
        if chosen.batch_size % self.replicas:
            raise ValueError(
                f"batch_size must be a multiple of the {self.replicas} replicas. "
                f"Received: batch_size={chosen.batch_size}"
            )

    def scope(self):
        """The context in which a model is built, compiled, restored and trained."""
        return contextlib.nullcontext()

    def prepare(self, model: keras.Model) -> None:
        """Make a compiled model, whose metrics are built, train on all devices."""

    def settle(self, model: keras.Model) -> None:
        """Give a trained model the same weights on all devices."""

    @contextlib.contextmanager
    def together(self):
        """End this process at once where it fails, rather than have it wait for the others."""
        try:
            yield
        except FloatingPointError:  # of the whole batch: all processes stop here
            raise
        except Exception:
            if self.processes > 1:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(FAILED)
            raise

    def feed(self, batches):
        """What `fit` reads on this process.

        `batches((number, parts))` is a grain dataset of that one of so many parts of each batch.
        """
        return batches((self.process, self.processes))

    def from_first(self, number: int) -> int:
        """That number as the first process has it. All must ask at the same step."""
        return number

    def told(self) -> dict:
        return {
            "kind": self.kind,
            "devices": self.count,
            "processes": self.processes,
            "batch_norm": self.batch_norm,
        }


ONE = Devices()


def part(batch, parts: int, number: int) -> tuple:
    """Part `number` of so many equal ones of the arrays of a batch."""
    size = len(batch[0]) // parts
    return tuple(array[number * size : (number + 1) * size] for array in batch)


def numpy(value) -> np.ndarray:
    """A variable's value whole, on every process; all must ask where it is split over hosts."""
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        # A sum over the replicas of TensorFlow has no value before it is read.
        whole = value.read_value() if hasattr(value, "read_value") else value
        return keras.ops.convert_to_numpy(whole)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(value, tiled=True)
