"""Architectures with attention slots."""

from .factory import build, list_architectures
from .head import labels
from .normalize import Normalize
from .slots import Slots

__all__ = ["Normalize", "Slots", "build", "labels", "list_architectures"]
