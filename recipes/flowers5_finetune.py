"""Five kinds of flowers, 2,000 photos: a shipped model fine-tuned, or the same net from nothing.

Run      python -m recipes.train flowers5_finetune --seed 0
         and from nothing: --set pretrained=None --attention cbam
         the classifier alone: --set "freeze=('stem', 'stage')"
         earlier blocks more slowly: --set layer_decay=0.8
Cost     15 minutes of one core of an AMD EPYC with TensorFlow
Expect   written before the first run: fine-tuning at least 5 points above the same net from nothing
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "flowers5",
        pretrained="resnet18w16_cbam_cifar10",
        model="resnet18",
        model_options={"width": 16, "stem": "small"},
        mean=(0.4913, 0.4821, 0.4465),
        std=(0.2452, 0.2428, 0.2606),
        attention=attention,
        sizes=((2, 16),) if quick else ((40, 64),),
        batch_size=16 if quick else 64,
        augment=("crop", "flip", "cutout"),
        crop_padding=16,
        cutout_size=32,
        learning_rate=0.05,
        schedule="cosine",
        warmup=0.1,
        weight_decay=5e-3,
        precision="mixed_bfloat16",
    )
