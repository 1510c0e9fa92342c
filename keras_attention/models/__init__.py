"""Architectures with attention slots."""

from .factory import build, list_architectures

__all__ = ["build", "list_architectures"]
