"""ImageNet at 128 pixels, SAGAN with the schedule of its paper.

Run      python -m recipes.gan imagenet128_sagan --seed 0 --attention sagan
         and BigGAN's schedule: --set ema=0.999 --set ema_start=2000 --set flip=False
Cost     not run by us; a million steps of 256 images
Expect   not run by us: FID of 50k samples 36.8 at the best inception score and 34.8 at its own
         best with the paper's schedule, 12.83 with BigGAN's, both of MMGeneration
         (configs/sagan/README.md); StudioGAN's run gave 38.0. The paper's own 18.65 was reached by
         neither
Differs  from the paper: pictures are cut to their middle. From MMGeneration's BigGAN schedule: the
         networks are the paper's, its batch norm and initial weights too
"""

from keras_attention.layers import Spec

from .recipe import GanRecipe


def recipe(attention: Spec | None = "sagan", quick: bool = False) -> GanRecipe:
    """The recipe for one row of the table; `quick` runs for seconds, on generated images."""
    return GanRecipe(
        dataset="generated" if quick else "imagenet2012",
        model="sagan128",
        attention=attention,
        size=128,
        width=4 if quick else 64,
        latent=16 if quick else 128,
        steps=2 if quick else 1_000_000,
        batch_size=4 if quick else 256,
        ema=0.0,
        ema_start=0,
        log_every=2 if quick else 1000,
        sample_every=2 if quick else 10_000,
    )
