"""Attention layers and pretrained attention models for vision in Keras 3."""

from . import explain, layers, models, zoo

__version__ = "0.1.0"
__all__ = ["__version__", "explain", "layers", "models", "zoo"]
