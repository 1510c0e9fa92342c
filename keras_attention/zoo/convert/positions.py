"""Tables of relative positions for windows of another size than they were learnt for."""

import math

import numpy as np

# What the steps between the places of a table grow by, from its middle on.
LEAST, MOST, PRECISION = 1.01, 1.5, 1e-6


def table(table, window: tuple[int, int]):
    """A table (offsets, heads) with the offsets of a window (height, width), row-major.

    Rows and columns are interpolated between places whose distance grows geometrically from the
    middle on, so that those of near offsets stay as they are: the rule of BEiT's fine-tuning,
    linear as in timm. A table is taken for that of a square wherever its length allows it.
    """
    rows, columns = (2 * side - 1 for side in window)
    side = math.isqrt(len(table))
    if side * side != len(table) and len(table) != rows * columns:
        raise ValueError(f"neither of a square nor of a window {window}: {len(table)} offsets")
    if side * side != len(table) or side == rows == columns:
        return table
    square = table.reshape(side, side, -1)
    square = np.einsum("yi,xj,ijh->yxh", _weights(side, rows), _weights(side, columns), square)
    return square.reshape(rows * columns, -1).astype(table.dtype)


def _weights(given: int, wanted: int) -> np.ndarray:
    """(wanted, given): what each of the offsets given counts for each wanted."""
    steps = np.cumsum(_growth(given // 2, wanted // 2) ** np.arange(given // 2))
    places = np.concatenate([-steps[::-1], [0], steps])
    offsets = np.arange(wanted) - wanted // 2
    return np.stack([np.interp(offsets, places, one) for one in np.eye(given)], axis=1)


def _growth(steps: int, reach: int) -> float:
    """The factor with which so many steps from 1 on reach so far, as near as the bounds allow."""
    low, high = LEAST, MOST
    while high - low > PRECISION:
        factor = (low + high) / 2
        if (factor**steps - 1) / (factor - 1) > reach:
            high = factor
        else:
            low = factor
    return factor
