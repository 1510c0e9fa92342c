"""Scores over several views of an image."""

import keras
import numpy as np
import pytest

from recipes.data import splits
from recipes.engine import score

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="no backend has a part in it"
)


class Model:
    """Logits that are one row of pixels near the left border, so that views differ."""

    def predict(self, images, **_):
        assert images.dtype == "uint8" and images.shape[1:] == (6, 6, 3)
        return images[:, 1, :4, 0].astype("float32")


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
    right = score.over_views(Model(), splits.Split(images, answers), 6)
    wrong = score.over_views(Model(), splits.Split(images, (answers + 1) % 4), 6)
    assert (right, wrong) == (1.0, 0.0)
