"""Every listed architecture builds, with as many weights as its source has."""

import math

import keras
import pytest

from keras_attention import models, zoo
from tests.models.nets import without_memory

ENTRIES = {}
for name in zoo.list_models():
    entry = zoo.info(name)
    ENTRIES.setdefault((entry.architecture, entry.arguments.get("num_classes", 1000)), entry)
ENTRIES = {key: entry for key, entry in ENTRIES.items() if entry.source == "timm"}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the same counts on any backend")
@pytest.mark.parametrize("key", ENTRIES, ids=lambda key: f"{key[0]}-{key[1]}")
def test_builds_with_the_right_number_of_parameters(key):
    architecture, classes = key
    with without_memory():
        model = models.build(architecture, num_classes=classes)
    count = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert count == ENTRIES[key].parameters
