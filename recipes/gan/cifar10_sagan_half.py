"""CIFAR-10, SAGAN of half the width with one discriminator step per step (TTUR).

Run      python -m recipes.gan cifar10_sagan_half --seed 0 --attention sagan
Cost     about 9 hours of 2 CPU cores or an hour of a GPU, both by its multiply-adds
Expect   written before the first run: no divergence in 3 pairs of seeds, and attention not worse
         than none beyond the spread of the seeds: a null
Differs  from SAGAN's paper: 32 pixels, half the width, batches of 64, an averaged generator
"""

from keras_attention.layers import Spec

from .recipe import GanRecipe


def recipe(attention: Spec | None = "sagan", quick: bool = False) -> GanRecipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return GanRecipe(
        dataset="generated" if quick else "cifar10",
        model="sagan32",
        attention=attention,
        size=32,
        width=4 if quick else 32,
        latent=16 if quick else 128,
        steps=6 if quick else 30_000,
        batch_size=8 if quick else 64,
        log_every=2 if quick else 100,
        sample_every=6 if quick else 1000,
    )
