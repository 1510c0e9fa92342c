"""Data sets by name, and the batches that training reads from them."""

from .batches import batches, order, sample, steps_per_epoch, test_images
from .pictures import Unusable, unwrapped
from .sets import Dataset, load
from .splits import Split, Stream, subset

__all__ = [
    "Dataset",
    "Split",
    "Stream",
    "Unusable",
    "batches",
    "load",
    "order",
    "sample",
    "steps_per_epoch",
    "subset",
    "test_images",
    "unwrapped",
]
