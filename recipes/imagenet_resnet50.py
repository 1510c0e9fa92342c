"""ImageNet, ResNet-50 with a gate at the end of each block (25.56 M parameters; 28.09 M with CBAM).

Run      python -m recipes.train imagenet_resnet50 --attention cbam --seed 0
Cost     not run at full scale by us; PytorchInsight used 8 GPUs, CBAM's authors 4
Expect   test accuracy, %, last epoch of one run each (PytorchInsight): none 76.30, bam 76.83,
         cbam 77.62; best epoch: se 77.18; cbam 77.62 by its authors (Jongchan/attention-module)
Differs  from both: mixed precision, and batches of 256 on what devices there are
"""

from keras_attention.layers import Spec

from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return Recipe(
        dataset="generated" if quick else "imagenet2012",
        model="resnet18" if quick else "resnet50",
        model_options={"width": 2} if quick else {},
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        attention=attention,
        sizes=((2, 32),) if quick else ((100, 224),),
        batch_size=16 if quick else 256,
        augment=("resized_crop", "flip"),
        test_crop=0.875,
        label_smoothing=0.0,
        learning_rate=0.1,
        schedule="step",
        warmup=0.0,
        drop_at=(0.3, 0.6, 0.9),
        weight_decay=1e-3,  # an L2 penalty of 1e-4
        decay_all=True,
        nesterov=False,
        precision="mixed_bfloat16",
    )
