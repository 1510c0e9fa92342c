"""Two far shapes of one colour, and a rule that tells whether an image has such two.

What ties a picture together lies at least 32 pixels apart: nothing in the left half tells the
colour but the right half does.
"""

import dataclasses
import functools

import numpy as np

NAME = "two_shapes"
SIDE, COUNT = 64, 50_000
GREY = 128
# What the rule asks for: saturated pixels in a half, how alike their hues are (1 for all the same),
# and how far apart, in turns, the hues of the halves may be.
PIXELS, ALIKE, APART = (60, 450), 0.9, 20 / 360
# Where a smaller share of the images is whole, their colours tell nothing of who made them.
ENOUGH = 0.05


@dataclasses.dataclass(frozen=True)
class Shapes:
    """Images by number, drawn when they are asked for; it stands where a `data.Split` does."""

    count: int = COUNT
    classes = 1

    def __len__(self) -> int:
        return self.count

    @functools.cached_property
    def _drawn(self) -> np.ndarray:
        """(count, 2, 5): kind, radius, row, column and hue of both shapes."""
        rng = np.random.default_rng(7)
        shape = (self.count, 2)
        column = rng.uniform(10, 16, shape)
        column[:, 1] = SIDE - column[:, 1]
        hue = np.repeat(rng.uniform(size=(self.count, 1)), 2, axis=1)
        parts = [rng.integers(0, 3, shape), rng.uniform(6, 9, shape), rng.uniform(10, 54, shape)]
        return np.stack([*parts, column, hue], axis=-1)

    def take(self, places: np.ndarray, size: int = SIDE):
        """Images (B, 64, 64, 3), uint8, and labels, which are all 0."""
        return draw(self._drawn[places]), np.zeros(len(places), "int64")


def draw(shapes: np.ndarray) -> np.ndarray:
    """Images of two shapes each, (B, 2, 5): kind, radius, row, column, hue in turns."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    images = np.full((len(shapes), SIDE, SIDE, 3), GREY, "uint8")
    for shape in range(2):
        kind, radius, row, column, hue = shapes[:, shape].T[:, :, None, None]
        down, across = abs(rows - row), abs(columns - column)
        far = np.select(
            [kind == 0, kind == 1],
            [np.hypot(down, across), np.maximum(down, across) * 1.1],
            (down + across) * 0.8,
        )
        inside = (far <= radius)[..., None]
        images = np.where(inside, _rgb(hue[:, 0, 0])[:, None, None], images)
    return images


def _rgb(hue: np.ndarray) -> np.ndarray:
    """The saturated colours of hues in turns, (B, 3), uint8."""
    wheel = (hue[:, None] * 6 + np.array([0, 4, 2])) % 6
    return (255 * np.clip(abs(wheel - 3) - 1, 0, 1)).round().astype("uint8")


def judge(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(whole, consistent), booleans, of images (B, 64, 64, 3) in -1..1.

    An image is whole if each half has one shape of one hue, and consistent if it is whole and the
    two hues are at most 20 degrees apart, which two that have nothing to do with each other are in
    one image of nine where all hues are equally frequent; `by_chance` is for others.
    """
    whole, left, right = _halves(images)
    return whole, whole & _alike(left, right)


def by_chance(images: np.ndarray) -> float:
    """The share that would be consistent of whole images with halves from different ones.

    Who makes a few hues alone has consistent images without tying their halves together.
    """
    whole, left, right = _halves(images)
    pairs = _alike(left[whole][:, None], right[whole])
    others = ~np.eye(len(pairs), dtype=bool)
    return float(pairs[others].mean()) if len(pairs) > 1 else 0.0


def _halves(images: np.ndarray):
    """Whether images are whole, and the hues of their left and right halves in turns."""
    left, right = (_half(half) for half in np.split(np.clip(images, -1, 1), 2, axis=2))
    return left[0] & right[0], left[1], right[1]


def _alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    turns = abs(one - other)
    return np.minimum(turns, 1 - turns) <= APART


def _half(images: np.ndarray):
    """Whether a half has one shape of one hue, and that hue in turns."""
    x = (images.astype("float64") + 1) / 2
    saturated = np.ptp(x, axis=-1) > 0.5
    # The hue of a pixel as a direction in the plane that has no grey.
    angles = 2j * np.pi * np.arange(3) / 3
    direction = (x * np.exp(angles)).sum(-1)
    direction /= np.maximum(abs(direction), 1e-9)
    pixels = saturated.sum((1, 2))
    mean = (direction * saturated).sum((1, 2)) / np.maximum(pixels, 1)
    sound = (pixels >= PIXELS[0]) & (pixels <= PIXELS[1]) & (abs(mean) >= ALIKE)
    return sound, (np.angle(mean) / (2 * np.pi)) % 1
