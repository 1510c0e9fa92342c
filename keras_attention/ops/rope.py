"""Rotary positions in two dimensions: a dot product of rotated vectors depends on offsets only."""

import numpy as np
from keras import ops

# Which two channels of a head are rotated together: (2i, 2i + 1) or (i, i + d / 2).
LAYOUTS = ("interleaved", "half")


def angles(
    height: int,
    width: int,
    key_dim: int,
    theta: float = 10000.0,
    reference: tuple[int, int] | None = None,
) -> np.ndarray:
    """(height * width, key_dim / 2): the angle of each pair of channels at each position.

    The first half turns with y, the other with x: y * theta ** (-i / (key_dim / 4)) for i from 0.

    Args:
        reference: The (height, width) of the grid that a model was trained on. Positions are
            multiplied by reference / actual size, so that a larger grid spans the same range.
    """
    bands = theta ** -(np.arange(key_dim // 4) / (key_dim // 4))
    places = np.indices((height, width)).reshape(2, -1).T.astype("float64")  # (N, 2): y, x
    if reference is not None:
        places *= np.array(reference) / (height, width)
    return (places[:, :, None] * bands).reshape(len(places), -1)


def rotate(x, turns: np.ndarray, layout: str = "interleaved"):
    """`x` (..., N, d) with its pairs of channels turned by the angles (N, d / 2), in float32."""
    cosine, sine = (ops.convert_to_tensor(f(turns).astype("float32")) for f in (np.cos, np.sin))
    pairs = ops.cast(x, "float32")
    *rest, width = ops.shape(x)
    axis = -1 if layout == "interleaved" else -2
    shape = (width // 2, 2) if layout == "interleaved" else (2, width // 2)
    pairs = ops.reshape(pairs, (*rest, *shape))
    first, second = ops.take(pairs, 0, axis=axis), ops.take(pairs, 1, axis=axis)
    turned = (first * cosine - second * sine, first * sine + second * cosine)
    return ops.cast(ops.reshape(ops.stack(turned, axis=axis), (*rest, width)), x.dtype)
