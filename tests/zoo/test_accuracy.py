"""The published scores, on the real test set."""

import os

import keras
import pytest

from keras_attention import zoo
from recipes import data, evaluate, recipe

NAMES = zoo.list_models(source="wheel", task="classification")
# The networks without attention have no layer that these have not, and TensorFlow is the fastest.
if keras.backend.backend() != "tensorflow":
    NAMES = ["cct2_cifar10", "resnet18w16_cbam_cifar10"]


@pytest.mark.skipif(
    "TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set: nothing to score on"
)
@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_score_is_reached(name):
    entry = zoo.info(name)
    split = data.load(recipe.find(entry.recipe)().dataset, ("test",)).splits["test"]
    result = evaluate.evaluate(entry, split)
    assert result["images"] == 10_000
    assert abs(result["value"] - result["recorded"]) <= 1e-4, result
