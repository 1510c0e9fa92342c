"""Augmentation that gradients pass through, so that it can stand before the discriminator.

The draws are made outside: a batch of real images and one of generated images are shown with the
same ones.

Reference: Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training",
    NeurIPS 2020, arXiv:2006.10738.
"""

import numpy as np
from keras import ops

# The columns of a draw.
COLUMNS = ("brightness", "saturation", "contrast", "row", "column", "cut_row", "cut_column")
MOVED, CUT = 8, 2  # at most an eighth of the side; a square of half of it


def draw(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """What `apply` does to each of `count` images: (count, columns), float32."""
    move, ends = size // MOVED, size + 1 - (size // CUT) % 2
    return np.concatenate(
        [
            rng.uniform(size=(count, 3)),
            rng.integers(-move, move + 1, (count, 2)),
            rng.integers(0, ends, (count, 2)),
        ],
        axis=1,
    ).astype("float32")


def apply(x, steps: tuple[str, ...], drawn):
    """Images (B, side, side, C) in -1..1 after the steps named; they may leave that range."""
    columns = {
        name: ops.reshape(drawn[:, place], (-1, 1, 1, 1)) for place, name in enumerate(COLUMNS)
    }
    for step in steps:
        x = STEPS[step](x, columns)
    return x


def _color(x, drawn):
    x = x + (drawn["brightness"] - 0.5)
    grey = ops.mean(x, axis=-1, keepdims=True)
    x = (x - grey) * (drawn["saturation"] * 2) + grey
    middle = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    return (x - middle) * (drawn["contrast"] + 0.5) + middle


def _translation(x, drawn):
    rows, columns = (_picks(x.shape[1], drawn[name]) for name in ("row", "column"))
    x = ops.einsum("bij,bjwc->biwc", rows, x)
    return ops.einsum("bij,bhjc->bhic", columns, x)


def _picks(side, moved):
    """(B, side, side): row i has its 1 in column i + moved, and none where that lies outside."""
    pixels = ops.arange(side, dtype="float32")
    wanted = pixels[None, :, None] + moved[:, :, :, 0]
    return ops.cast(ops.equal(wanted, pixels[None, None, :]), "float32")


def _cutout(x, drawn):
    side = x.shape[1]
    pixels = ops.arange(side, dtype="float32")

    def inside(middle):
        first = middle[:, 0, 0] - side // CUT // 2  # (B, 1)
        return (pixels >= first) & (pixels < first + side // CUT)  # (B, side)

    rows, columns = inside(drawn["cut_row"]), inside(drawn["cut_column"])
    cut = rows[:, :, None, None] & columns[:, None, :, None]
    return x * ops.cast(~cut, x.dtype)


STEPS = {"color": _color, "translation": _translation, "cutout": _cutout}
