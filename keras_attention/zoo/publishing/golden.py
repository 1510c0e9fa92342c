"""Answers to made-up inputs, by which a loaded model shows that it is the published one."""

import keras
import numpy as np
from keras import ops

from ...models import sampling
from ..errors import WeightsError

# Of the largest number: backends differ by about 1e-6, GPUs that round to TF32 by 1e-3, networks
# that compute in bfloat16 by 1e-2.
LIMIT, LIMIT_OF_16_BITS = 2e-3, 1e-1
# Of a generator's answer.
PICTURES, NUMBERS, SEED = 2, 16, 0


def picture(size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """A texture of (1, *size, channels) integers in 0..255, the same on every machine."""
    y, x, c = np.ogrid[: size[0], : size[1], :channels]
    return ((3 * y * x // 8 + 5 * y + 11 * x * (c + 1) + 37 * c) % 256).astype("uint8")[None]


def logits(model: keras.Model, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """What the model makes of that picture, as one vector."""
    x = picture(size, channels)
    if keras.config.image_data_format() == "channels_first":
        x = x.transpose(0, 3, 1, 2)
    y = ops.cast(model(x, training=False), "float32")
    return ops.convert_to_numpy(y).reshape(-1).astype("float64")


def pictures(generator: keras.Model) -> np.ndarray:
    """What a generator makes of two latents, for its first and its last class, in 16 numbers.

    Each is a sum over all pixels, with other signs, so that none can change unseen.
    """
    rng = np.random.default_rng(SEED)
    latents = rng.standard_normal((PICTURES, generator.inputs[0].shape[-1])).astype("float32")
    classes = sampling.classes_of(generator)
    inputs = [latents, np.array([0, classes - 1], "int32")] if classes else latents
    y = ops.convert_to_numpy(ops.cast(generator(inputs, training=False), "float32"))
    pixels = sampling.channels_last(generator, y).reshape(-1).astype("float64")
    signs = rng.integers(0, 2, (NUMBERS, pixels.size)) * 2 - 1
    return signs @ pixels / np.sqrt(pixels.size)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a share of the largest number."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def check(found: np.ndarray, expected, source: str) -> None:
    """Refuse an answer that is not the published one.

    Raises: WeightsError with the largest difference.
    """
    expected = np.asarray(expected, "float64")
    if found.shape != expected.shape:
        raise WeightsError(
            f"{source} answers with {found.size} numbers. Expected {expected.size}, as when it was "
            "published"
        )
    error = difference(found, expected)
    if not error <= LIMIT:
        raise WeightsError(
            f"{source} does not answer as when it was published. Expected numbers within {LIMIT} "
            f"of the largest. Received: a difference of {error:.2g}"
        )
