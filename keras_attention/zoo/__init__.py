"""Published models: load one by name, classify with it, see what is known of it."""

from .classification import Prediction, centre, classify, preprocess
from .errors import (
    ConversionError,
    HubError,
    ImageError,
    IntegrityError,
    UnknownModelError,
    ZooError,
)
from .images import read as read_image
from .index import ModelInfo, info, list_models
from .loading import load

__all__ = [
    "ConversionError",
    "HubError",
    "ImageError",
    "IntegrityError",
    "ModelInfo",
    "Prediction",
    "UnknownModelError",
    "ZooError",
    "centre",
    "classify",
    "info",
    "list_models",
    "load",
    "preprocess",
    "read_image",
]
