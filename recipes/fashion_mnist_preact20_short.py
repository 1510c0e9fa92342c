"""Fashion-MNIST, the network of `fashion_mnist_preact20` in a fifth of its epochs.

Run      python -m recipes.train fashion_mnist_preact20_short --seed 0
Cost     1.2 hours of one core of an AMD EPYC with TensorFlow (100 s an epoch, both cores at work)
Expect   written before the first run: plain test error still between 4.75 and 5.35 % (median of 3
         seeds, last epoch), around the 5.04 % that hysts/pytorch_image_classification published
         for this network after 200 epochs; with se, cbam or eca within 0.3 points of it (a null)
Differs  from the published recipe: 40 epochs and not 200, and what goes with fewer of them: a
         warm-up, an L2 penalty of 5e-4 and not 1e-4, crops shifted by up to 2 pixels and not 4
"""

from keras_attention.layers import Spec

from . import fashion_mnist_preact20
from .recipe import Recipe


def recipe(attention: Spec | None = None, quick: bool = False) -> Recipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    published = fashion_mnist_preact20.recipe(attention, quick)
    return published.replace(
        sizes=published.sizes if quick else ((40, 28),),
        warmup=0.1,
        weight_decay=5e-3,
        crop_padding=2,
    )
