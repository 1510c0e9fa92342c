"""Architectures with attention slots."""

from .factory import build, list_architectures
from .head import labels

__all__ = ["build", "labels", "list_architectures"]
