"""Random numbers for some rows of a batch, the same whichever other rows are asked for."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np


class Draws:
    """What one step of the augmentation draws.

    Args:
        key: Integers that the numbers depend on, and nothing else.
        count: Rows of the whole batch.
        rows: Those of them that are wanted; None for all.
    """

    def __init__(self, key: Sequence[int], count: int, rows: np.ndarray | None = None):
        self.key, self.count = tuple(key), count
        self.rows = np.arange(count) if rows is None else rows

    def together(self, draw: Callable[[np.random.Generator, int], np.ndarray]) -> np.ndarray:
        """The rows of `draw(generator, count)`: cheap, where each row needs as many numbers."""
        return draw(np.random.default_rng(self.key), self.count)[self.rows]

    def each(self) -> Iterator[np.random.Generator]:
        """A generator for each row."""
        return (np.random.default_rng([*self.key, int(row)]) for row in self.rows)
