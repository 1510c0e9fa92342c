"""Checks of features and counts; each returns the value or says what was expected."""

import numpy as np


def features(owner: str, at_least: int = 1, **argument) -> np.ndarray:
    """The one array passed by name in float64, if it is finite numbers (samples, features)."""
    ((name, value),) = argument.items()
    array = np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "uif" or not array.shape[1]:
        raise ValueError(
            f"{owner}: {name} must be numbers of shape (samples, features). "
            f"Received: {name} of shape {array.shape}, {array.dtype}"
        )
    if len(array) < at_least:
        raise ValueError(
            f"{owner}: {name} must have at least {at_least} samples. "
            f"Received: {name} with {len(array)}"
        )
    wrong = np.count_nonzero(~np.isfinite(array).all(axis=1))
    if wrong:
        raise ValueError(
            f"{owner}: {name} must be finite. Received: {wrong} of the {len(array)} samples of "
            f"{name} with a value that is not"
        )
    return array.astype("float64")


def pair(owner: str, real, generated, at_least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as `features` has them, if they are of one width."""
    real = features(owner, at_least, real=real)
    generated = features(owner, at_least, generated=generated)
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"{owner}: both sets must be features of one net. Received: real of width "
            f"{real.shape[1]}, generated of width {generated.shape[1]}"
        )
    return real, generated


def count(owner: str, minimum: int = 1, **argument) -> int:
    """The one integer passed by name, if it is `minimum` or more."""
    ((name, value),) = argument.items()
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < minimum:
        raise ValueError(
            f"{owner}: {name} must be an integer >= {minimum}. Received: {name}={value!r}"
        )
    return int(value)


def probabilities(owner: str, value) -> np.ndarray:
    """Rows of probabilities that add up to 1."""
    array = features(owner, probabilities=value)
    sums = array.sum(axis=1)
    if array.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(
            f"{owner}: each row of probabilities must be at least 0 and add up to 1, as after a "
            f"softmax. Received: values from {array.min():.4g} to {array.max():.4g}, sums from "
            f"{sums.min():.4g} to {sums.max():.4g}"
        )
    return array / sums[:, None]


def labels(owner: str, images: int, **argument) -> np.ndarray:
    """The one array passed by name, if it is an integer for each of the images."""
    ((name, value),) = argument.items()
    array = np.asarray(value)
    if array.shape != (images,) or array.dtype.kind not in "ui" or not images:
        raise ValueError(
            f"{owner}: {name} must be one integer for each of the {images} images, of which there "
            f"must be some. Received: {name} of shape {array.shape}, {array.dtype}"
        )
    return array
