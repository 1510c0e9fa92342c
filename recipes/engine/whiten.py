"""The first filters of a network from the patches of its images, before it is trained."""

import keras
import numpy as np

from .. import data
from ..recipe import Recipe

# Of the training set; more images hardly change the directions.
IMAGES = 5000
# Added to the variances, so that directions without any are not blown up.
EPSILON = 5e-4


def fill(model: keras.Model, split: data.Split, chosen: Recipe) -> None:
    """Give `whiten_conv` the principal directions of patches, each with both signs.

    The responses of each to the normalised images have variance 1.
    """
    layer = model.get_layer("whiten_conv")
    rows, columns, channels, filters = layer.kernel.shape
    images = data.sample(split, IMAGES, chosen.sizes[-1][1]) / 255.0
    images = ((images - chosen.mean) / chosen.std).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(images, (rows, columns), axis=(1, 2))
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, rows * columns * channels)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    scaled = directions / np.sqrt(variances + EPSILON)  # a direction in each column
    both = np.concatenate([scaled, -scaled], axis=1)[:, :filters]
    layer.kernel.assign(both.reshape(rows, columns, channels, filters))
