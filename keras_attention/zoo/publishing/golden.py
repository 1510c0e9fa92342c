"""Logits of one made-up picture, by which a loaded model shows that it is the published one."""

import keras
import numpy as np
from keras import ops

from ..errors import WeightsError

# Of the largest logit: backends differ by about 1e-6, GPUs that round to TF32 by 1e-3, networks
# that compute in bfloat16 by 1e-2.
LIMIT, LIMIT_OF_16_BITS = 2e-3, 1e-1


def picture(size: tuple[int, int]) -> np.ndarray:
    """A texture of (1, *size, 3) integers in 0..255, the same on every machine."""
    y, x, c = np.ogrid[: size[0], : size[1], :3]
    return ((3 * y * x // 8 + 5 * y + 11 * x * (c + 1) + 37 * c) % 256).astype("uint8")[None]


def logits(model: keras.Model, size: tuple[int, int]) -> np.ndarray:
    """What the model makes of that picture, as one vector."""
    x = picture(size)
    if keras.config.image_data_format() == "channels_first":
        x = x.transpose(0, 3, 1, 2)
    y = ops.cast(model(x, training=False), "float32")
    return ops.convert_to_numpy(y).reshape(-1).astype("float64")


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a share of the largest logit."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def check(model: keras.Model, size: tuple[int, int], expected, source: str) -> None:
    """Refuse a model whose logits are not the published ones.

    Raises: WeightsError with the largest difference.
    """
    found, expected = logits(model, size), np.asarray(expected, "float64")
    if found.shape != expected.shape:
        raise WeightsError(
            f"{source} has {found.size} logits. Expected {expected.size}, as when it was published"
        )
    error = difference(found, expected)
    if not error <= LIMIT:
        raise WeightsError(
            f"{source} does not answer as when it was published. Expected logits within {LIMIT} of "
            f"the largest. Received: a difference of {error:.2g}"
        )
