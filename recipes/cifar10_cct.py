"""CIFAR-10, CCT-7/3x1 (Hassani et al., arXiv:2104.05704; 3,760,138 parameters).

Run      python -m recipes.train cifar10_cct --seed 0
Cost     not run at full scale by us
Expect   test accuracy 96.53 % after 300 epochs on the lossless images (Compact-Transformers README)
Differs  from theirs: MixUp to the end and not until epoch 175, no 10 last epochs at the lowest
         rate, ImageNet's operations of RandAugment as we have them
"""

from keras_attention.layers import Spec

from .recipe import Recipe

OWN = {"type": "mhsa", "num_heads": 4, "use_bias": False, "dropout": 0.1}


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    small = {"width": 12, "depths": (2,), "hidden": 8}
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="cct_7_3x1_32",
        model_options={**(small if quick else {}), "drop_path": 0.1},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=OWN if attention is None else attention,
        sizes=((2, 16),) if quick else ((300, 32),),
        batch_size=16 if quick else 128,
        augment=("resized_crop", "flip", "rand_augment"),
        crop_area=0.8,
        rand_magnitude=9.0,
        rand_spread=0.5,
        mixup=0.8,
        cutmix=1.0,
        optimizer="adamw",
        label_smoothing=0.1,
        learning_rate=5.5e-4,
        schedule="cosine",
        warmup=10 / 300,
        start_rate=1e-3,
        final_rate=1 / 55,
        weight_decay=0.06,
        precision="mixed_bfloat16",
    )
