"""Published models: load one by name, classify with it, see what is known of it."""

from .cached import Cached, Finding, cache_info, remove_cached, verify
from .classification import Prediction, centre, classify, preprocess
from .errors import (
    AccessError,
    CacheError,
    ConversionError,
    HubError,
    ImageError,
    IntegrityError,
    ManifestError,
    NotFoundError,
    OfflineError,
    UnknownArchitectureError,
    UnknownModelError,
    UnsafePathError,
    VersionError,
    WeightsError,
    ZooError,
)
from .feature_nets import features
from .images import read as read_image
from .inceptions import Inception, fid, inception, inception_score
from .index import ModelInfo, info, list_models
from .loading import load
from .publishing.release import Published, publish

__all__ = [
    "AccessError",
    "CacheError",
    "Cached",
    "ConversionError",
    "Finding",
    "HubError",
    "ImageError",
    "Inception",
    "IntegrityError",
    "ManifestError",
    "ModelInfo",
    "NotFoundError",
    "OfflineError",
    "Prediction",
    "Published",
    "UnknownArchitectureError",
    "UnknownModelError",
    "UnsafePathError",
    "VersionError",
    "WeightsError",
    "ZooError",
    "cache_info",
    "centre",
    "classify",
    "features",
    "fid",
    "inception",
    "inception_score",
    "info",
    "list_models",
    "load",
    "preprocess",
    "publish",
    "read_image",
    "remove_cached",
    "verify",
]
