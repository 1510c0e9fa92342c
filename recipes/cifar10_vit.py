"""CIFAR-10, a small vision transformer with patches of 4 pixels (6 blocks of 192 channels).

Run      python -m recipes.train cifar10_vit --seed 0
         the published net of 6,268,810 parameters: --set model=vit_cifar_384x7
Cost     not run at full scale by us
Expect   for vit_cifar_384x7 a test accuracy of 90.92 % on the lossless images
         (github.com/omihub777/ViT-CIFAR); no published figure for the default of 2,693,194
Differs  from theirs: RandAugment in place of AutoAugment; weight decay and not an L2 penalty; a
         softmax scaled by the width of a head and not of all; no GELU after a block's last layer
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="vit_cifar_192x6",
        model_options={"width": 12, "depths": (2,), "hidden": 8, "patch": 8} if quick else {},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((2, 32),) if quick else ((200, 32),),
        batch_size=16 if quick else 128,
        augment=("crop", "flip", "rand_augment"),
        crop_mode="constant",
        optimizer="adamw",
        label_smoothing=0.1,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=5 / 200,
        final_rate=1e-2,
        weight_decay=5e-5,
        precision="mixed_bfloat16",
    )
