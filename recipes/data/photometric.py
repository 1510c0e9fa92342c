"""Augmentation of images one by one, in colours and geometry, by Pillow."""

import numpy as np

from ..recipe import Recipe
from . import pictures
from .draws import Draws

# What a magnitude of 10 means: degrees; shares of a side; how far from 1 a factor lies.
DEGREES, SHEAR, SHIFT, FACTOR = 30, 0.3, 0.45, 0.9
STRONGEST = 10


def jitter(x, recipe: Recipe, draws: Draws):
    """Brightness, contrast and saturation in a random order, each by up to `jitter`."""
    from PIL import ImageEnhance

    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)

    def changed(image, rng):
        for kind in rng.permutation(len(kinds)):
            image = kinds[kind](image).enhance(rng.uniform(1 - recipe.jitter, 1 + recipe.jitter))
        return image

    return _each(x, draws, changed)


def three_augment(x, recipe: Recipe, draws: Draws):
    """Each image grey, solarised or blurred (3-Augment of Touvron et al. 2022, DeiT III)."""
    from PIL import ImageFilter, ImageOps

    def changed(image, rng):
        kind = rng.integers(3)
        if kind == 0:
            return ImageOps.grayscale(image).convert(image.mode)
        if kind == 1:
            return ImageOps.solarize(image, 128)
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 2.0)))

    return _each(x, draws, changed)


def rand_augment(x, recipe: Recipe, draws: Draws):
    """`rand_ops` operations on each image, drawn from all (Cubuk et al. 2020, RandAugment).

    Each has a strength around `rand_magnitude`, in 0 to 10, with deviation `rand_spread`, and goes
    either way where it has two.
    """
    colour = tuple(round(255 * mean) for mean in recipe.mean)

    def changed(image, rng):
        for number in rng.integers(len(OPERATIONS), size=recipe.rand_ops):
            strength = rng.normal(recipe.rand_magnitude, recipe.rand_spread) / STRONGEST
            way = 1 if rng.random() < 0.5 else -1
            image = OPERATIONS[number](image, way, min(max(strength, 0.0), 1.0), colour)
        return image

    return _each(x, draws, changed)


def _each(x, draws: Draws, changed):
    pairs = zip(x, draws.each(), strict=True)
    return np.stack([pictures.array(changed(pictures.image(one), rng)) for one, rng in pairs])


def _identity(image, way, strength, colour):
    return image


def _autocontrast(image, way, strength, colour):
    from PIL import ImageOps

    return ImageOps.autocontrast(image)


def _equalize(image, way, strength, colour):
    from PIL import ImageOps

    return ImageOps.equalize(image)


def _posterize(image, way, strength, colour):
    from PIL import ImageOps

    return ImageOps.posterize(image, 8 - round(4 * strength))


def _solarize(image, way, strength, colour):
    from PIL import ImageOps

    return ImageOps.solarize(image, round(256 * (1 - strength)))


def _enhance(kind):
    def changed(image, way, strength, colour):
        from PIL import ImageEnhance

        return getattr(ImageEnhance, kind)(image).enhance(1 + way * FACTOR * strength)

    return changed


def _rotate(image, way, strength, colour):
    from PIL import Image

    fill = colour if len(colour) > 1 else colour[0]
    return image.rotate(way * DEGREES * strength, Image.Resampling.BILINEAR, fillcolor=fill)


def _affine(matrix):
    def changed(image, way, strength, colour):
        from PIL import Image

        fill = colour if len(colour) > 1 else colour[0]
        numbers = matrix(way * strength, *image.size)
        affine, smooth = Image.Transform.AFFINE, Image.Resampling.BILINEAR
        return image.transform(image.size, affine, numbers, smooth, fillcolor=fill)

    return changed


OPERATIONS = (
    _identity,
    _autocontrast,
    _equalize,
    _posterize,
    _solarize,
    _enhance("Brightness"),
    _enhance("Color"),
    _enhance("Contrast"),
    _enhance("Sharpness"),
    _rotate,
    _affine(lambda s, width, height: (1, SHEAR * s, 0, 0, 1, 0)),
    _affine(lambda s, width, height: (1, 0, 0, SHEAR * s, 1, 0)),
    _affine(lambda s, width, height: (1, 0, SHIFT * s * width, 0, 1, 0)),
    _affine(lambda s, width, height: (1, 0, 0, 0, 1, SHIFT * s * height)),
)
