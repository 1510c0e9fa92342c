"""CIFAR-10, a fast network with an attention slot in each of its three groups: many seeds, cheaply.

Run      python -m recipes.ablate cifar10_airbench --attention none,se,eca,cbam,constant --seeds 20
Cost     0.7 hours of one core of an AMD EPYC with TensorFlow a run (250 s an epoch)
Expect   written before the first run: on the lossless images its authors reach 94.01 %, the mean of
         1,000 runs; on JPEG images less, and by how much is the offset that goes with them; se, eca
         and cbam within 0.3 points of none (a null)
Differs  from its authors' recipe (github.com/KellerJordan/cifar10-airbench, legacy/airbench94.py):
         10 epochs and not 9.9, bfloat16 and not float16, a bias in the classifier; the averages of
         the norms are not drawn back with the weights
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "cifar10",
        model="airbench94",
        model_options={"width": 16} if quick else {},
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        attention=attention,
        sizes=((2, 32),) if quick else ((10, 32),),
        batch_size=16 if quick else 1024,
        augment=("alternating_flip", "crop"),
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
        rates={"_norm1/": 64.0, "_norm2/": 64.0},  # the shifts of the norms, which have no scale
        until={"whiten_shift": 0.3},
        lookahead=5,
        whiten=True,
        test_views=True,
        precision="mixed_bfloat16",
    )
