"""What every test may use."""

import keras
import pytest


@pytest.fixture(autouse=True)
def _clean_settings():
    """Global settings of Keras as they were before the test."""
    data_format, policy = keras.config.image_data_format(), keras.config.dtype_policy()
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)
