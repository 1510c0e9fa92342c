"""Scores over several views of an image."""

import keras
import numpy as np

from recipes.data import splits
from recipes.engine import score


class FirstPixels(keras.layers.Layer):
    """Logits that are one row of pixels near the left border, so that views differ."""

    def call(self, images):
        return images[:, 1, :4, 0]


def test_views_are_mirrored_and_shifted():
    images = np.random.default_rng(0).integers(0, 256, (200, 6, 6, 3), dtype="uint8")
    red = images[..., 0].astype("float32")
    logits = np.zeros((200, 4))
    for row, shift, share in ((1, 0, 0.25), (0, -1, 0.125), (2, 1, 0.125)):
        # The pixel beyond a border is the one before it.
        columns = [1 if c < 0 else 4 if c > 5 else c for c in range(shift, 6 + shift)]
        view = red[:, row][:, columns]
        logits += share * (view[:, :4] + view[:, ::-1][:, :4])
    answers = logits.argmax(1)
    assert 20 < (answers != images[:, 1, :4, 0].argmax(1)).sum()
    image = keras.Input((None, None, 3))
    model = keras.Model(image, FirstPixels()(image))
    views = score.of_views(model)
    right = score.accuracy(views, splits.Split(images, answers), 6)
    wrong = score.accuracy(views, splits.Split(images, (answers + 1) % 4), 6)
    assert (right, wrong) == (1.0, 0.0)
    one = score.accuracy(model, splits.Split(images, answers), 6)
    assert one < 0.95
