"""Pictures as arrays: read, upright, RGB, at the size that a model takes."""

import os
import pathlib

import numpy as np

from .errors import ImageError

# A picture of more pixels is refused before it is unpacked.
MOST_PIXELS = 100_000_000


def read(image) -> np.ndarray:
    """RGB (height, width, 3), uint8, of a path, a PIL image or an array in 0..255.

    A picture is turned upright as its EXIF says; transparency is laid over white.
    Raises: FileNotFoundError for a missing file; ImageError for one that is no picture, and for
        an array of another shape or range.
    """
    if isinstance(image, (str, os.PathLike)):
        return _decode(pathlib.Path(image))
    if hasattr(image, "convert"):
        return _rgb(image)
    return _checked(np.asarray(image))


def fit(image: np.ndarray, height: int | None, width: int | None) -> np.ndarray:
    """The centre of `image` (height, width, 3) in the shape asked for, scaled to that size.

    None keeps the size of the picture.
    """
    from PIL import Image

    if height is None or width is None:
        return image
    square = centre(image, height, width)
    scaled = Image.fromarray(square).resize((width, height), Image.Resampling.BICUBIC)
    return np.array(scaled)


def centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest centred part of `image` with the proportions height : width."""
    rows, columns = image.shape[:2]
    keep_rows = min(rows, max(1, round(columns * height / width)))
    keep_columns = min(columns, max(1, round(rows * width / height)))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return image[top : top + keep_rows, left : left + keep_columns]


def _decode(path: pathlib.Path) -> np.ndarray:
    from PIL import Image

    if not path.exists():
        raise FileNotFoundError(f"There is no image at {str(path)!r}")
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ImageError(
                    f"An image may have {MOST_PIXELS} pixels at most. "
                    f"Received: {path} with {picture.width} x {picture.height}"
                )
            return _rgb(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{str(path)!r} is not an image that can be read: {error}") from error


def _rgb(picture) -> np.ndarray:
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        page = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(page, picture)
    return np.array(picture.convert("RGB"))


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim != 3 or array.shape[-1] != 3 or 0 in array.shape:
        raise ImageError(
            "An image must be an array (height, width, 3), a PIL image or a path. "
            f"Received: shape {array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255:
        raise ImageError(
            "The values of an image must lie in 0..255. "
            f"Received: {array.min()} to {array.max()}, {array.dtype}"
        )
    if np.issubdtype(array.dtype, np.floating) and 0 < array.max() <= 1:
        raise ImageError(
            "The values of an image must lie in 0..255; these lie in 0..1: multiply by 255. "
            f"Received: maximum {array.max()}, {array.dtype}"
        )
    return np.rint(array).astype(np.uint8)
