"""Fashion-MNIST, pre-activation ResNet-20 (271,994 parameters).

Run      python -m recipes.train fashion_mnist_preact20 --seed 0
Cost     4.7 hours of one core of an AMD EPYC with TensorFlow (85 s an epoch)
Expect   written before the first run: plain test error 5.04 %, the published median of 3 seeds
         (hysts/pytorch_image_classification, last epoch), so a median between 4.75 and 5.35; with
         se, cbam or eca within 0.3 points of it (a null)
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated_grey" if quick else "fashion_mnist",
        model="preact_resnet20",
        model_options={},
        mean=(0.286,),
        std=(0.353,),
        attention=attention,
        sizes=((2, 28),) if quick else ((200, 28),),
        batch_size=16 if quick else 128,
        augment=("crop", "flip"),
        crop_mode="constant",
        label_smoothing=0.0,
        learning_rate=0.2,
        schedule="cosine",
        warmup=0.0,
        weight_decay=1e-3,  # an L2 penalty of 1e-4
        decay_all=True,
        precision="mixed_bfloat16",
    )
