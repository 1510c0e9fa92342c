"""ImageNet, DeiT-S (Touvron et al., arXiv:2012.12877; 22,050,664 parameters).

Run      python -m recipes.train imagenet_deit_s --seed 0
Cost     not run at full scale by us
Expect   test accuracy 79.85 % (the authors' README_deit.md: 79.9; its weights in timm: 79.856)
Differs  from theirs: RandAugment and erasing have our operations and draws; the result is that of
         the averaged weights
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    small = {"width": 12, "depths": (2,), "hidden": 8, "patch": 8}
    return Recipe(
        dataset="generated" if quick else "imagenet2012",
        model="deit_small_patch16_224",
        model_options={**(small if quick else {}), "drop_path": 0.1},
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        attention=attention,
        sizes=((2, 32),) if quick else ((300, 224),),
        batch_size=16 if quick else 1024,
        augment=("resized_crop", "flip", "rand_augment", "erase"),
        repeats=3,
        erase_chance=0.25,
        rand_ops=2,
        rand_magnitude=9.0,
        rand_spread=0.5,
        test_crop=0.875,
        mixup=0.8,
        cutmix=1.0,
        optimizer="adamw",
        label_smoothing=0.1,
        learning_rate=1e-3,  # 5e-4 for each 512 images of a batch
        schedule="cosine",
        warmup=5 / 300,
        start_rate=1e-3,
        final_rate=1e-2,
        weight_decay=0.05,
        ema=0.99996,
        precision="mixed_bfloat16",
    )
