"""Two far shapes that must share a colour, 64 pixels: what attention should be good for.

Run      python -m recipes.gan two_shapes_sagan --seed 0 --attention sagan
         python -m recipes.gan two_shapes_sagan --seed 0 --attention none
Cost     0.8 hours of one core of an AMD EPYC with TensorFlow (0.93 s a step; 0.7 for none)
Expect   written before the first run: of the samples with two sound shapes (`of_whole` in
         result.json) attention makes more consistent ones than none does, by more than 3 standard
         deviations over the seeds; chance is 0.11. If not, the null is published
Differs  from the paper: 64 pixels, a quarter of the width, no classes, generated data (`shapes.py`)
"""

from keras_attention.layers import Spec

from .recipe import GanRecipe


def recipe(attention: Spec | None = "sagan", quick: bool = False) -> GanRecipe:
    """The recipe for one row of the table; `quick` runs for seconds."""
    return GanRecipe(
        dataset="two_shapes",
        model="sagan64",
        attention=attention,
        size=64,
        conditional=False,
        flip=False,
        width=8 if quick else 16,
        latent=16 if quick else 64,
        steps=2 if quick else 3000,
        batch_size=4 if quick else 32,
        log_every=2 if quick else 100,
        sample_every=2 if quick else 1000,
        judged=64 if quick else 2000,
    )
