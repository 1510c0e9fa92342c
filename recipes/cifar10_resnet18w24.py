"""CIFAR-10, ResNet-18 with a 3x3 stem and 24 channels in its first stage (1.57 M parameters).

Run      python -m recipes.train cifar10_resnet18w24 --attention cbam --seed 0
Cost     not run yet
Expect   written before the first run: at least a point above the same network with 16 channels,
         which has 88.12 % without attention and 88.63 % with cbam after the same 60 epochs; none
         and cbam within 0.3 points of each other (a null)
"""

from keras_attention.layers import Spec

from . import cifar10_resnet18w16
from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    narrow = cifar10_resnet18w16.recipe(attention, quick)
    return narrow.replace(model_options={**narrow.model_options, "width": 24})
