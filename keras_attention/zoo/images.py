"""Pictures as arrays: read, upright, RGB or grey, at the size that a model takes."""

import math
import os
import pathlib

import numpy as np

from .errors import ImageError

# A picture of more pixels is refused before it is unpacked.
MOST_PIXELS = 100_000_000
# Of a picture longer than that many times its shorter side, only the middle is resized.
LONGEST = 16


def read(image) -> np.ndarray:
    """RGB (height, width, 3), uint8, of a path, a PIL image or an array in 0..255.

    A picture is turned upright as its EXIF says; transparency is laid over white. Arrays may be
    grey, (height, width) or (height, width, 1).
    Raises: FileNotFoundError for a missing file; ImageError for one that is no picture, and for
        an array of another shape or range.
    """
    if isinstance(image, (str, os.PathLike)):
        return _decode(pathlib.Path(image))
    if hasattr(image, "convert"):
        return _rgb(image)
    return _checked(np.asarray(image))


def grey(image: np.ndarray) -> np.ndarray:
    """The brightness of RGB (height, width, 3), uint8, as Pillow has it: (height, width, 1)."""
    from PIL import Image

    return np.array(Image.fromarray(image).convert("L"))[..., None]


def fit(
    image: np.ndarray,
    height: int | None,
    width: int | None,
    crop: float = 1.0,
    interpolation: str = "bicubic",
) -> np.ndarray:
    """`image` (height, width, 3 or 1) resized, and of that the centre in the size asked for.

    The resized image is such that the centre is `crop` of its side that fits the tighter, as timm
    evaluates: floor(side / crop) pixels. None keeps the size of the picture.
    """
    from PIL import Image

    if height is None or width is None:
        return image
    image = _shortened(image)
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    target = math.floor(height / crop), math.floor(width / crop)
    rows, columns = _resized(image.shape[0], image.shape[1], *target)
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    scaled = np.array(picture.resize((columns, rows), filters[interpolation]))
    scaled = scaled.reshape(rows, columns, -1)
    top, left = round((rows - height) / 2), round((columns - width) / 2)
    return scaled[top : top + height, left : left + width]


def _resized(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """The size with the proportions of rows : columns that just covers height x width."""
    if height == width:  # torchvision rounds the longer side down, timm's own resizing does not
        short = min(rows, columns)
        return int(height * rows / short), int(width * columns / short)
    ratio = min(rows / height, columns / width)
    return round(rows / ratio), round(columns / ratio)


def _shortened(image: np.ndarray) -> np.ndarray:
    """The middle of a picture so long that, resized, it might not fit into memory."""
    short = min(image.shape[:2])
    rows, columns = ((side - min(side, LONGEST * short)) // 2 for side in image.shape[:2])
    return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def centre(image: np.ndarray, height: int, width: int, crop: float = 1.0) -> np.ndarray:
    """The part of `image` that `fit` scales down, at its own size."""
    rows, columns = image.shape[:2]
    keep_rows = min(rows, max(1, round(columns * height / width)))
    keep_columns = min(columns, max(1, round(rows * width / height)))
    keep_rows, keep_columns = (max(1, round(crop * side)) for side in (keep_rows, keep_columns))
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
    shape, array = array.shape, array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or 0 in array.shape:
        raise ImageError(
            "An image must be an array (height, width, 3), a grey one (height, width) or "
            f"(height, width, 1), a PIL image or a path. Received: shape {shape}"
        )
    array = np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array
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
