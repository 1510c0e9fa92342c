"""CIFAR-10, a fast network with an attention slot in each of its three groups: many seeds, cheaply.

Run      python -m recipes.ablate cifar10_airbench --attention none,se,eca,cbam,constant --seeds 20
Cost     not run yet
Expect   written before the first run: se, eca and cbam within 0.3 points of none (a null). With 64
         channels (`--set "model_options={'width': 64}"`), its authors' augmentation and test-time
         augmentation, the original reaches 94.01 % (n = 1000) on the lossless images
Differs  from its authors' recipe (github.com/KellerJordan/cifar10-airbench): half as wide, flips by
         chance and not every other epoch, no averaging of weights, no test-time augmentation
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="airbench94",
        model_options={"width": 32},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((2, 32),) if quick else ((10, 32),),
        batch_size=16 if quick else 1024,
        augment=("crop", "flip"),
        crop_padding=2,
        label_smoothing=0.2,
        learning_rate=1.5,
        schedule="linear",
        start_rate=0.2,
        warmup=0.23,
        final_rate=0.07,
        momentum=0.85,
        weight_decay=8.9e-3,  # an L2 penalty of 1.33e-3
        decay_all=True,
        rates={"norm": 64.0},  # the shifts of the norms, which have no scale
        whiten=True,
        precision="mixed_bfloat16",
    )
