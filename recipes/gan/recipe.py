"""What an adversarial training run is made of."""

import dataclasses
import functools
import pathlib

from keras_attention.layers import Spec
from keras_attention.layers.checks import at_least, one_of, rate

from .. import recipe
from . import augment

FITS = ("pad", "resize")
PRECISIONS = ("float32", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True)
class GanRecipe(recipe.Fields):
    """One adversarial training run but for its seed.

    Data. `size` is the side of the images in pixels, and `fit` says what is done with those of
    another: "resize", or "pad" with black. `flip` mirrors half of them. `conditional` gives the
    labels to both networks. `augment` names the steps of DiffAugment, of `augment.STEPS`.

    Networks. `model`, `width`, `latent`, `attention` and `attention_at` are the arguments of
    `keras_attention.models.build_generator` and `build_discriminator`.

    Optimisers. A step is one of the generator, after `d_steps` of the discriminator, each with a
    batch of its own. Both are Adam's, with the rates `g_rate` and `d_rate`. `r1` is the weight of
    the penalty on the gradient at real images, 0 for none. `ema` is the momentum of the averaged
    generator, which is the one that is sampled; up to step `ema_start` it is the generator itself,
    and so it is throughout with 0.

    Log. A row each `log_every` steps, a grid of samples each `sample_every`. Where the data set
    has a rule that tells good samples, `judged` of them are asked for at the end.
    """

    LATER = ("steps", "log_every", "sample_every", "judged")

    dataset: str
    model: str
    steps: int
    size: int
    attention: Spec | None = "sagan"
    attention_at: int | None = None
    width: int = 64
    latent: int = 128
    conditional: bool = True
    fit: str = "resize"
    flip: bool = True
    augment: tuple[str, ...] = ()
    batch_size: int = 64
    d_steps: int = 1
    g_rate: float = 1e-4
    d_rate: float = 4e-4
    beta_1: float = 0.0
    beta_2: float = 0.999
    epsilon: float = 1e-8
    r1: float = 0.0
    ema: float = 0.999
    ema_start: int = 1000
    precision: str = "float32"
    log_every: int = 100
    sample_every: int = 1000
    judged: int = 2000

    def check(self) -> None:
        """Raise ValueError for what no run could be made of."""
        counts = ("steps", "size", "batch_size", "d_steps", "log_every", "sample_every", "judged")
        for name in counts:
            at_least(1, "recipe", **{name: getattr(self, name)})
        at_least(0, "recipe", ema_start=self.ema_start)
        for name in ("ema", "beta_1", "beta_2"):
            rate("recipe", **{name: getattr(self, name)})
        if self.r1 < 0:
            raise ValueError(f"recipe: r1 must be at least 0. Received: r1={self.r1}")
        one_of(FITS, "recipe", fit=self.fit)
        one_of(PRECISIONS, "recipe", precision=self.precision)
        if not isinstance(self.augment, tuple):
            raise ValueError(
                f"recipe: augment must be a tuple of words. Received: augment={self.augment!r}"
            )
        for word in self.augment:
            one_of(tuple(augment.STEPS), "recipe", augment=word)


HERE = pathlib.Path(__file__).parent
names = functools.partial(recipe.names, HERE)
find = functools.partial(recipe.find, folder=HERE)
