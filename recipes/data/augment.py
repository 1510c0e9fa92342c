"""Augmentation of a batch, from a seed and a step and nothing else.

It is written in NumPy and Pillow. Keras's layers would draw from a state of their own, differently
on each backend, and compute on the device that trains.
"""

import math

import numpy as np

from keras_attention.layers.checks import nearest, one_of

from ..recipe import Recipe
from . import photometric
from .draws import Draws
from .splits import Draw

# Those that need more than a batch and its draws.
RESIZED_CROP, ALTERNATING_FLIP = "resized_crop", "alternating_flip"
# Width divided by height.
RATIOS = (3 / 4, 4 / 3)
ERASED, ERASED_RATIOS = (0.02, 1 / 3), (0.3, 1 / 0.3)
TRIES = 10


def check(recipe: Recipe) -> None:
    """Raise ValueError for a step that there is not, or where it cannot be."""
    for number, name in enumerate(recipe.augment):
        if name == RESIZED_CROP and number:
            raise ValueError(f"{RESIZED_CROP} must come first. Received: augment={recipe.augment}")
        known = [RESIZED_CROP, ALTERNATING_FLIP, *STEPS]
        if name not in known:
            raise ValueError(
                f"Unknown augmentation.{nearest(name, known)} Received: {name!r}. "
                f"Known: {', '.join(known)}."
            )


def apply(
    x: np.ndarray, recipe: Recipe, seed: list[int], rows: np.ndarray, mirrored: np.ndarray
) -> np.ndarray:
    """The images `x` (N, H, W, C), uint8, after the recipe's steps, in their order.

    `rows` (N) are their places in the whole batch. A resized crop has been made when they were
    taken. `mirrored` (N) tells which of them an alternating flip turns.
    """
    check(recipe)
    for number, name in enumerate(recipe.augment):
        if name == ALTERNATING_FLIP:
            x = _mirror(x, mirrored)
        elif name in STEPS:
            x = STEPS[name](x, recipe, Draws([*seed, number], recipe.batch_size, rows))
    return x


def alternating(count: int, seed: int, epoch: int) -> np.ndarray:
    """Which of `count` images are mirrored in an epoch: half of them, and the others in the next.

    Reference: Jordan, arXiv:2404.00498, section 3.6.
    """
    first = np.random.default_rng([seed, FLIPPED]).random(count) < 0.5
    return first ^ bool(epoch % 2)


def boxes(recipe: Recipe, seed: list[int], rows: np.ndarray) -> list[Draw] | None:
    """What draws a box of a random area and form for each row; None without resized crops."""
    if RESIZED_CROP not in recipe.augment:
        return None
    draws = Draws([*seed, BOXES], recipe.batch_size, rows)
    return [_box(rng, recipe.crop_area) for rng in draws.each()]


def _box(rng, area: float) -> Draw:
    def draw(sides):
        width, height = _rectangle(rng, sides, (area, 1.0), RATIOS)
        if not width:  # of very long images: as much of the middle as the ratios allow
            width = min(sides[0], round(sides[1] * RATIOS[1]))
            height = min(sides[1], round(sides[0] / RATIOS[0]))
            left, top = (sides[0] - width) // 2, (sides[1] - height) // 2
        else:
            left = int(rng.integers(sides[0] - width + 1))
            top = int(rng.integers(sides[1] - height + 1))
        return left, top, left + width, top + height

    return draw


def _rectangle(rng, sides, areas, ratios) -> tuple[int, int]:
    """The sides of a rectangle within `sides`, or zeros where none was found."""
    for _ in range(TRIES):
        area = rng.uniform(*areas) * sides[0] * sides[1]
        ratio = math.exp(rng.uniform(math.log(ratios[0]), math.log(ratios[1])))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= sides[0] and 0 < height <= sides[1]:
            return width, height
    return 0, 0


def crop(x, recipe: Recipe, draws: Draws):
    """Extend the border by `crop_mode` and cut a window of the old size at a random place."""
    _, height, width, _ = x.shape
    reach, mode = recipe.crop_padding, one_of(MODES, "recipe", crop_mode=recipe.crop_mode)
    wide = np.pad(x, [(0, 0), (reach, reach), (reach, reach), (0, 0)], mode)
    places = draws.together(lambda rng, count: rng.integers(0, 2 * reach + 1, (count, 2)))
    cut = [image[i : i + height, j : j + width] for image, (i, j) in zip(wide, places, strict=True)]
    return np.stack(cut)


def flip(x, recipe: Recipe, draws: Draws):
    """Mirror every other image, left to right, by chance."""
    return _mirror(x, draws.together(lambda rng, count: rng.random(count)) < 0.5)


def _mirror(x, chosen):
    x = x.copy()
    x[chosen] = x[chosen, :, ::-1]
    return x


def cutout(x, recipe: Recipe, draws: Draws):
    """Paint a square around a random pixel in the mean colour (DeVries and Taylor 2017)."""
    _, height, width, _ = x.shape
    size, colour = recipe.cutout_size, [round(255 * mean) for mean in recipe.mean]
    middle = draws.together(lambda rng, count: rng.random((count, 2)))
    first = (middle * (height, width)).astype(int) - size // 2
    x = x.copy()
    for image, (top, left) in zip(x, first, strict=True):
        image[max(0, top) : top + size, max(0, left) : left + size] = colour
    return x


def erase(x, recipe: Recipe, draws: Draws):
    """Fill a rectangle of some images with noise (Zhong et al. 2020)."""
    _, height, width, channels = x.shape
    x = x.copy()
    for image, rng in zip(x, draws.each(), strict=True):
        if rng.random() >= recipe.erase_chance:
            continue
        wide, high = _rectangle(rng, (width, height), ERASED, ERASED_RATIOS)
        top, left = rng.integers((height - high + 1, width - wide + 1))
        noise = rng.integers(0, 256, (high, wide, channels), "uint8")
        image[top : top + high, left : left + wide] = noise
    return x


def mixes(recipe: Recipe) -> list[tuple]:
    """What mixes images, each with the parameter of its share."""
    return [mix for mix in ((recipe.mixup, _blend), (recipe.cutmix, _paste)) if mix[0]]


def mix(x, y, others, recipe: Recipe, seed: list[int]):
    """Images `x` with targets `y`, mixed with `others`, a pair of as many, by MixUp or CutMix.

    One share for the whole batch, as in timm, whose others are the batch in reverse order.
    """
    rng = np.random.default_rng([*seed, MIXED])
    ways = mixes(recipe)
    alpha, way = ways[rng.integers(len(ways))]
    x, share = way(x.astype("float32"), others[0], rng.beta(alpha, alpha), rng)
    share = np.float32(share)
    return x, share * y + (1 - share) * others[1]


def _blend(x, others, share, rng):
    """Each image with another laid over it (Zhang et al. 2018)."""
    return np.float32(share) * x + np.float32(1 - share) * others, share


def _paste(x, others, share, rng):
    """Each image with a box of another, and the share of it that is left (Yun et al. 2019)."""
    sides = np.array(x.shape[1:3])
    half = sides * math.sqrt(1 - share) / 2
    centre = rng.random(2) * sides
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, sides)
    (top, left), (bottom, right) = low.round().astype(int), high.round().astype(int)
    mixed = x.copy()
    mixed[:, top:bottom, left:right] = others[:, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / sides.prod()


MODES = ("constant", "reflect")
# Far beyond the numbers of the steps, so that no two draws have the same seed.
BOXES, MIXED, ORDER, FLIPPED = 1000, 1001, 1002, 1003
STEPS = {
    "crop": crop,
    "cutout": cutout,
    "erase": erase,
    "flip": flip,
    "jitter": photometric.jitter,
    "rand_augment": photometric.rand_augment,
    "three_augment": photometric.three_augment,
}
