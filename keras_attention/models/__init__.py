"""Architectures with attention slots."""

from .factory import build, list_architectures
from .grids import grid
from .head import labels
from .normalize import Normalize
from .sagan import build_discriminator, build_generator
from .sampling import sample
from .slots import Slots

__all__ = [
    "Normalize",
    "Slots",
    "build",
    "build_discriminator",
    "build_generator",
    "grid",
    "labels",
    "list_architectures",
    "sample",
]
