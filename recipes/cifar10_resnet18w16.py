"""CIFAR-10, ResNet-18 with a 3x3 stem and 16 channels in its first stage (0.70 M parameters).

Run      python -m recipes.train cifar10_resnet18w16 --attention cbam --seed 0
Cost     1.7 hours for cbam, one core of a 2-core AMD EPYC shared with other work
Result   test accuracy, 1 seed, last epoch: none 0.8812, cbam 0.8863, on images stored as JPEG
Expect   written before the first run: none and cbam within 0.3 points of each other (a null), both
         at 88 % or more on images that were stored as JPEG; no published figure exists for that
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="resnet18",
        model_options={"width": 16, "stem": "small"},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((1, 16), (1, 32)) if quick else ((26, 16), (20, 24), (14, 32)),
        batch_size=16 if quick else 128,
        augment=("crop", "flip", "cutout"),
        learning_rate=0.2,
        schedule="cosine",
        warmup=0.2,
        precision="mixed_bfloat16",
    )
