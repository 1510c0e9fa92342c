"""CIFAR-10, SAGAN in StudioGAN's setting (generator 4,386,308 parameters in theirs).

Run      python -m recipes.gan cifar10_sagan --seed 0 --attention sagan
Cost     not run by us; about 16 s a step on 2 CPU cores by its multiply-adds, so for a GPU
Expect   StudioGAN's log of one run, FID of 10k samples against the test images: 48.9 after 2k
         steps, 27.7 after 10k, 19.2 after 30k, 15.0 after 100k; SNGAN there 13.4. Between
         attention on and off, with all else alike, none: at 32 pixels we expect a null
Differs  from StudioGAN: the averaged generator is sampled, epsilon of Adam 1e-8; relus are not in
         place; see `build_generator` for the networks. Our copy of CIFAR-10 is JPEG
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
        width=4 if quick else 64,
        latent=16 if quick else 128,
        steps=4 if quick else 100_000,
        batch_size=8 if quick else 64,
        d_steps=5,
        g_rate=2e-4,
        d_rate=2e-4,
        beta_1=0.5,
        ema=0.9999,
        log_every=2 if quick else 100,
        sample_every=4 if quick else 2000,
    )
