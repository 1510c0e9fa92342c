"""What every test may use."""

import gc
import random

import keras
import pytest


def pytest_collection_finish():
    """What was imported stays: to look for garbage in it again and again takes a tenth of a run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _same_weights_for_a_file():
    """Before what a file makes once; `_same_weights` says why."""
    random.seed(0)


@pytest.fixture(autouse=True)
def _same_weights():
    """Keras takes the seeds of weights from here: a test gives the same each time."""
    random.seed(0)


@pytest.fixture(autouse=True)
def _clean_settings():
    """Global settings of Keras as they were before the test."""
    data_format, policy = keras.config.image_data_format(), keras.config.dtype_policy()
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)
