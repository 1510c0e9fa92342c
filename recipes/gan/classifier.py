"""The classifier of the classification accuracy score, for real and for generated images."""

from collections.abc import Callable

import keras
import numpy as np

import keras_attention as ka

from ..engine import seeds

# What stands in a result beside the score.
NAME = "resnet18w8, {epochs} epochs"


def train(
    images: np.ndarray, labels: np.ndarray, classes: int, *, epochs: int = 5, seed: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Train a small plain residual network; returns a function from images to logits.

    ResNet-18 of width 8 with a small stem, Adam with a cosine from 2e-3, batches of 128; neither
    mirrored nor cropped, so that it knows no more of the images than it was given.

    Args:
        images: (N, height, width, 1 or 3), uint8.
        labels: (N,) in 0..classes-1.
        classes: How many there are.
        epochs: How often it sees all images.
        seed: Of the weights and of the order.
    """
    seeds.start(seed)
    pixels = images.reshape(-1, images.shape[-1]) / np.float32(255)
    model = ka.models.build(
        "resnet18",
        num_classes=classes,
        input_shape=images.shape[1:],
        mean=tuple(pixels.mean(0).tolist()),
        std=tuple((pixels.std(0) + 1e-3).tolist()),
        width=8,
        stem="small",
    )
    steps = epochs * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=keras.backend.backend() == "jax")
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return lambda x: np.asarray(model.predict(x, batch_size=250, verbose=0))


BATCH = 128
