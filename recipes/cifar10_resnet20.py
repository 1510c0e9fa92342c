"""CIFAR-10, ResNet-20 (He et al. 2016, section 4.2; 269,722 parameters).

Run      python -m recipes.train cifar10_resnet20 --seed 0
Cost     not run yet; about 6 hours of both cores of a 2-core AMD EPYC
Expect   test error 8.75 % (the paper) or 8.27 % (a re-run's best epoch) on the lossless images; on
         images stored as JPEG 0.5 to 3 points more, and that offset is what this recipe measures
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="resnet20",
        model_options={},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((2, 32),) if quick else ((200, 32),),
        batch_size=16 if quick else 128,
        augment=("crop", "flip"),
        crop_mode="constant",
        label_smoothing=0.0,
        learning_rate=0.1,
        schedule="step",
        warmup=0.0,
        drop_at=(0.5, 0.75),
        weight_decay=1e-3,  # an L2 penalty of 1e-4
        decay_all=True,
        nesterov=False,
        precision="mixed_bfloat16",
    )
