"""The accuracy of a model on several devices."""

import math

import keras
import numpy as np

# Images in a batch of the test set.
BATCH = 256


def accuracy(model: keras.Model, split, size: int, share: float, devices) -> float:
    """As `train.accuracy`, of a model that it compiles anew.

    What fills up the last batch has no weight, so that each image counts once.
    """
    import grain

    count = len(split)
    batch_size = devices.replicas * math.ceil(min(count, BATCH) / devices.replicas)
    steps = math.ceil(count / batch_size)

    def batch(step):
        places = np.arange(step * batch_size, (step + 1) * batch_size)
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
    batches = grain.MapDataset.range(steps).map(batch).to_iter_dataset()
    score = model.evaluate(devices.feed(batches), steps=steps, verbose=0, return_dict=True)
    return round(score["right"] * count) / count
