"""CIFAR-10, CCT-2/3x2 (Hassani et al., arXiv:2104.05704; 283,722 parameters): the small one.

Run      python -m recipes.train cifar10_cct2 --seed 0
         without its self-attention: --attention none
Cost     1.7 hours of one core of an AMD EPYC with TensorFlow, 1.3 without the self-attention
Expect   written before the first run: above the 78 % of keras.io's example, which has 0.4 million
         parameters and 30 epochs; no figure is published for this net after 50 epochs; without its
         self-attention at least 2 points less
Differs  from its authors' recipe: 50 epochs and not 300, no MixUp or CutMix, a weaker RandAugment;
         so small a net does not overfit in that time
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    small = {"width": 12, "depths": (1,), "hidden": 8}
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="cct_2_3x2_32",
        model_options=small if quick else {},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((2, 16),) if quick else ((50, 32),),
        batch_size=16 if quick else 128,
        augment=("crop", "flip", "rand_augment"),
        rand_ops=1,
        rand_magnitude=5.0,
        optimizer="adamw",
        label_smoothing=0.1,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=0.1,
        final_rate=0.01,
        weight_decay=0.06,
        precision="mixed_bfloat16",
    )
