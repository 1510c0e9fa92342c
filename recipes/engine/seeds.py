"""Where a run's random numbers start."""

import random

import keras
import numpy as np


def start(seed: int) -> None:
    """Start all that a network draws from: its first weights, and what its layers draw later.

    `keras.utils.set_random_seed` does so too, but imports TensorFlow wherever it is installed, for
    seconds and hundreds of megabytes that no other backend needs. What it sets beside is drawn
    from by `keras.random` without a seed, which nothing here uses.
    """
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    elif keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)
    random.seed(seed)  # from which Keras takes the seeds of layers and initialisers
    np.random.seed(seed)
