"""Single images: decoded, cut and scaled by Pillow, which is the same wherever data come from."""

import contextlib
import functools
import io
import re

import numpy as np

MODES = {1: "L", 3: "RGB"}


class Unusable(ValueError):
    """Data that nothing can be trained on: unknown, empty or broken."""


def decoded(data, where: str, channels: int = 3):
    """The Pillow image in an encoded file's bytes, or at a path, in grey or in RGB.

    Its pixels are those of TensorFlow's decoder with dct_method="INTEGER_ACCURATE".
    Raises: Unusable, telling `where`, for what is no whole picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
            return image.convert(MODES[channels])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        told = " ".join(str(error).split())
        raise Unusable(f"{where} is not a picture that Pillow can read: {told}") from error


@contextlib.contextmanager
def unwrapped():
    """Raise the `Unusable` that tf.data has put into an error of its own."""
    try:
        yield
    except Exception as error:
        found = re.search(rf"{Unusable.__name__}: (.*)", str(error))
        if not found:
            raise
        raise Unusable(found[1]) from error


def array(image) -> np.ndarray:
    """(H, W, channels), uint8."""
    x = np.asarray(image)
    return x if x.ndim == 3 else x[..., None]


def image(x: np.ndarray):
    """The inverse of `array`."""
    from PIL import Image

    return Image.fromarray(x if x.shape[-1] == 3 else x[..., 0])


def fitted(image, size: int, share: float = 1.0):
    """The middle `size` pixels of an image whose shorter side is scaled to size / share."""
    from PIL import Image

    short = round(size / share)
    sides = [max(short, round(side * short / min(image.size))) for side in image.size]
    image = image.resize(sides, Image.Resampling.BICUBIC)
    left, top = ((side - size) // 2 for side in sides)
    return image.crop((left, top, left + size, top + size))


def cut(image, size: int, box):
    """The box (left, top, right, bottom) of an image, scaled to `size` pixels a side."""
    from PIL import Image

    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)


def resize(x: np.ndarray, size: int) -> np.ndarray:
    """The batch (B, H, W, C) at `size` pixels a side; smoothed first where that is smaller."""
    if x.shape[1:3] == (size, size):
        return x
    x = x.astype("float32")
    for _ in range(2):  # rows, then columns, which end up where the rows were
        count, old, other, channels = x.shape
        x = _weights(old, size) @ x.reshape(count, old, other * channels)
        x = x.reshape(count, size, other, channels).swapaxes(1, 2)
    return np.ascontiguousarray(x)


@functools.cache
def _weights(old: int, new: int) -> np.ndarray:
    """What each of `new` pixels takes of each of `old`: a triangle as wide as the scale."""
    scale = old / new
    centres = (np.arange(new)[:, None] + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - centres) / max(scale, 1))
    return (weights / weights.sum(1, keepdims=True)).astype("float32")
