"""A run for TensorBoard: scalars after each epoch, now and then what the network attends to.

Only the tensorboard package is needed, which writes the files without TensorFlow.
"""

import io
import math
import os
import pathlib
import platform
import time

import keras
import numpy as np

from keras_attention import explain

SCALARS = ("loss", "accuracy")


class Board(keras.callbacks.Callback):
    """Writes events into a folder: `tensorboard --logdir FOLDER` shows them.

    Args:
        folder: Where to write; runs that go on add a file.
        images: Some images (N, height, width, channels) in 0..255, whose maps are drawn.
        every: Epochs after which maps are drawn, and after the first.
    Raises: ImportError without tensorboard.
    """

    def __init__(self, folder: pathlib.Path, images: np.ndarray, every: int = 5):
        super().__init__()
        from tensorboard.compat.proto import event_pb2, summary_pb2

        self.event, self.value = event_pb2.Event, summary_pb2.Summary.Value
        self.images, self.every = np.asarray(images), every
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{os.getpid()}"
        self.path = folder / name
        self._write(file_version="brain.Event:2")

    def on_epoch_end(self, epoch, logs=None):
        scalars = {name: logs[name] for name in SCALARS}
        scalars["learning_rate"] = self.model.optimizer.learning_rate
        values = [self.value(tag=tag, simple_value=float(x)) for tag, x in scalars.items()]
        if len(self.images) and (epoch == 0 or (epoch + 1) % self.every == 0):
            values += self._pictures()
        self._write(step=epoch + 1, summary={"value": values})

    def _write(self, **fields) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        event = self.event(wall_time=time.time(), **fields)
        with self.path.open("ab") as file:
            RecordWriter(file).write(event.SerializeToString())

    def _pictures(self) -> list:
        """The images under the maps of each layer that has some."""
        values = []
        for name, found in _maps(self.model, self.images).items():
            heats = heats_of(found)
            if heats is None:
                continue
            pairs = zip(self.images, heats, strict=True)
            row = np.concatenate([explain.overlay(_rgb(i), heat) for i, heat in pairs], axis=1)
            image = {"height": row.shape[0], "width": row.shape[1], "colorspace": 3}
            image["encoded_image_string"] = _png(row)
            values.append(self.value(tag=f"attention/{name}", image=image))
        return values


def heats_of(found: explain.AttentionMap) -> np.ndarray | None:
    """Maps (images, height, width) as they are, or how much each token of a square is attended to.

    None for weights that belong to no place.
    """
    if found.kind == "spatial":
        return found.array
    if found.kind != "pairwise" or found.array.ndim != 4:
        return None
    received = found.array.mean((1, 2))  # over heads and queries
    side = math.isqrt(received.shape[-1])
    return received[:, -side * side :].reshape(-1, side, side)  # without a class token in front


def _maps(model: keras.Model, images: np.ndarray) -> dict:
    try:
        return explain.attention_maps(model, images)
    except ValueError:  # a network without attention
        return {}


def _rgb(image: np.ndarray) -> np.ndarray:
    image = np.round(image).astype("uint8")
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _png(array: np.ndarray) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(array).save(held, "PNG")
    return held.getvalue()
