"""The classifier on top of a network, which keeps the names of its classes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from .class_names import ClassNames, checked

# Names of the classifiers: the second is that of a model distilled through a token of its own.
HEADS = ("logits", "logits_distilled")


@keras.saving.register_keras_serializable("keras_attention")
class Logits(keras.layers.Dense):
    """y = x W + b, one number per class, with the classes' names saved in its config.

    Args:
        units: Number of classes.
        labels: Their names in order, or None.
        **kwargs: Arguments of `keras.layers.Dense`.
    Raises: ValueError if `labels` has not one name per class.
    """

    def __init__(self, units: int, labels: Sequence[str] | None = None, **kwargs):
        super().__init__(units, **kwargs)
        self.labels = None if labels is None else checked(labels, units)

    def get_config(self):
        labels = None if self.labels is None else list(self.labels)
        return {**super().get_config(), "labels": labels}


class Body(NamedTuple):
    """What a network makes of images.

    `levels`: maps from fine to coarse by name, such as "stage1". `pooled`: vectors
    (batch, channels); a tuple of them where each has a classifier of its own.
    """

    levels: dict[str, Any]
    pooled: Any


def pool(x):
    """The mean of the maps `x` over space."""
    return keras.layers.GlobalAveragePooling2D(name="pool")(x)


def head(pooled, num_classes: int, labels: Sequence[str] | None = None):
    """Logits of pooled features, the mean of several classifiers' where there are several.

    Without classes the features themselves, of the first classifier.
    """
    several = pooled if isinstance(pooled, tuple) else (pooled,)
    if not num_classes:
        return several[0]
    # Logits in float32 under a mixed policy: a softmax of 16-bit logits loses what was learnt.
    policy = keras.config.dtype_policy()
    logits = [
        Logits(num_classes, labels, dtype=policy.variable_dtype, name=name)(x)
        for x, name in zip(several, HEADS, strict=False)
    ]
    if len(logits) == 1:
        return logits[0]
    return keras.layers.Average(dtype=policy.variable_dtype, name="logits_mean")(logits)


def labels(model: keras.Model) -> tuple[str, ...] | None:
    """The names of a model's classes, or None if it has none.

    They are in the order of a classifier's logits, or that of the numbers a generator takes.
    """
    found = [layer.labels for layer in model.layers if isinstance(layer, Logits | ClassNames)]
    return found[-1] if found else None
