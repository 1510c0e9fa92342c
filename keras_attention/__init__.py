"""Attention layers and pretrained attention models for vision in Keras 3."""

try:
    from . import explain, layers, metrics, models, zoo
except ModuleNotFoundError as error:
    if error.name not in ("jax", "tensorflow", "torch"):
        raise
    raise ModuleNotFoundError(
        f"Keras is set to a backend that is not installed: {error.name}. Set KERAS_BACKEND to "
        "jax, tensorflow or torch, whichever you have.",
        name=error.name,
    ) from error

__version__ = "0.1.0"
__all__ = ["__version__", "explain", "layers", "metrics", "models", "zoo"]
