"""The published scores, on the real test set."""

import os

import pytest

from keras_attention import zoo
from recipes import data, evaluate


@pytest.mark.skipif(
    "TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set: no CIFAR-10 to score on"
)
@pytest.mark.parametrize("name", zoo.list_models(source="wheel", task="classification"))
def test_the_recorded_score_is_reached(name):
    split = data.load("cifar10", ("test",)).splits["test"]
    result = evaluate.evaluate(zoo.info(name), split)
    assert result["images"] == 10_000
    assert abs(result["value"] - result["recorded"]) <= 1e-4, result
