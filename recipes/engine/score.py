"""The accuracy of a model, on one device or several, and over several views of each image."""

import functools
import math

import keras
import numpy as np
from keras import ops

from .. import data
from ..data import Split, Stream
from . import distribute

# Images in a batch of the test set.
BATCH = 256


def accuracy(
    model: keras.Model,
    split: Split | Stream,
    size: int,
    devices: distribute.Devices = distribute.ONE,
    share: float = 1.0,
) -> float:
    """Share of right answers for the middle `share` of images at `size` pixels a side."""
    if devices.kind != "none":
        return _on_devices(model, split, size, share, devices)
    images = data.test_images(split, size, share)
    logits = model.predict(images, batch_size=250, verbose=0)
    return float(np.mean(np.argmax(logits, -1) == split.labels))


def of_views(model: keras.Model, devices: distribute.Devices = distribute.ONE) -> keras.Model:
    """A model of `model`'s mean logits: a half of the image, a half of it shifted by a pixel.

    It is shifted up and left, and down and right, by reflection at the border; each of these three
    counts half as it is and half mirrored.
    Reference: github.com/KellerJordan/cifar10-airbench.
    """
    image = keras.Input(model.input_shape[1:], name="image")
    wide = ops.pad(ops.cast(image, "float32"), [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    views = ((image, 0.5), (wide[:, :-2, :-2], 0.25), (wide[:, 2:, 2:], 0.25))
    logits = [
        share / 2 * ops.cast(model(seen), "float32")
        for view, share in views
        for seen in (view, ops.flip(view, 2))
    ]
    mean = keras.Model(image, keras.layers.add(logits))
    mean.compile()
    devices.prepare(mean)
    return mean


def _on_devices(model: keras.Model, split, size: int, share: float, devices) -> float:
    """The accuracy of a model that this compiles anew.

    What fills up the last batch has no weight, so that each image counts once.
    """
    import grain

    count = len(split)
    batch_size = devices.replicas * math.ceil(min(count, BATCH) / devices.replicas)
    steps = math.ceil(count / batch_size)

    def batch(rows, step):
        places = step * batch_size + rows
        real = (places < count).astype("float32")
        places = places % count
        labels = split.labels[places].astype("float32")[:, None]
        return split.test(places, size, share), labels, real

    model.compile(
        model.optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="right")],
        jit_compile=model.jit_compile,
    )
    nothing = np.zeros((1, 1), "float32")
    model.compute_metrics(None, nothing, np.zeros((1, split.classes), "float32"), nothing[0])
    model.reset_metrics()

    def batches(part):
        rows = np.split(np.arange(batch_size), part[1])[part[0]]
        made = grain.MapDataset.range(steps).map(functools.partial(batch, rows))
        return made.to_iter_dataset()

    score = model.evaluate(devices.feed(batches), steps=steps, verbose=0, return_dict=True)
    return round(score["right"] * count) / count
