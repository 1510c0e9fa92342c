"""Every listed architecture builds, with as many weights as its source has."""

import math

import keras
import pytest

from keras_attention import models, zoo
from tests.models.nets import without_memory

# The number of parameters by architecture and by number of classes.
COUNTS: dict[str, dict[int, int]] = {}
for name in zoo.list_models():
    entry = zoo.info(name)
    if entry.source == "timm":
        classes = entry.arguments.get("num_classes", 1000)
        COUNTS.setdefault(entry.architecture, {})[classes] = entry.parameters


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the same counts on any backend")
@pytest.mark.parametrize("architecture", COUNTS)
def test_builds_with_the_right_number_of_parameters(architecture):
    (built, expected), *others = sorted(COUNTS[architecture].items(), reverse=True)
    with without_memory():
        model = models.build(architecture, num_classes=built)
    shapes = [weight.shape for weight in model.trainable_weights]
    found = sum(map(math.prod, shapes))
    assert found == expected
    # Of the classifiers alone the last side is the number of classes.
    of_a_class = sum(math.prod(shape[:-1]) for shape in shapes if shape[-1:] == (built,))
    for classes, expected in others:
        assert found + (classes - built) * of_a_class == expected, classes
