"""ImageNet, ViT-S/16 with big_vision's simple recipe (Beyer et al., arXiv:2205.01580; 22 M).

Run      python -m recipes.train imagenet_vit_s16 --seed 0
         300 epochs: --set "sizes=((300, 224),)" --set warmup=0.0269
Cost     not run at full scale by us
Expect   test accuracy 76.5 % after 90 epochs, 80 % after 300 (big_vision, configs/vit_s16_i1k.py)
Differs  from theirs: learned positions (which cost them about 1 point after 90 epochs) and no layer
         before the classifier; all of the training set; MixUp in every batch or none
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    small = {"width": 12, "depths": (2,), "hidden": 8, "patch": 8}
    return Recipe(
        dataset="generated" if quick else "imagenet2012",
        model="vit_small_patch16_gap_224",
        model_options=small if quick else {},
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        attention=attention,
        sizes=((2, 32),) if quick else ((90, 224),),
        batch_size=16 if quick else 1024,
        augment=("resized_crop", "flip", "rand_augment"),
        rand_ops=2,
        rand_magnitude=10.0,
        rand_spread=0.0,
        test_crop=0.875,
        mixup=0.2,
        optimizer="adamw",
        label_smoothing=0.0,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=0.0889,  # 10,000 steps
        weight_decay=0.1,
        clip_norm=1.0,
        precision="mixed_bfloat16",
    )
