"""The classifier on top of a network, which keeps the names of its classes."""

from collections.abc import Sequence

import keras


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
        self.labels = None if labels is None else tuple(labels)
        if self.labels is not None and len(self.labels) != units:
            raise ValueError(
                f"labels must be one name for each of the {units} classes. "
                f"Received {len(self.labels)}: labels={self.labels!r}"
            )

    def get_config(self):
        labels = None if self.labels is None else list(self.labels)
        return {**super().get_config(), "labels": labels}


def head(x, num_classes: int, labels: Sequence[str] | None = None):
    """Logits of the maps `x`; their pooled features where `num_classes` is 0."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if not num_classes:
        return x
    # Logits in float32 under a mixed policy: a softmax of 16-bit logits loses what was learnt.
    policy = keras.config.dtype_policy()
    return Logits(num_classes, labels, dtype=policy.variable_dtype, name="logits")(x)


def labels(model: keras.Model) -> tuple[str, ...] | None:
    """The names of a classifier's classes in the order of its logits, or None if it has none."""
    found = [layer.labels for layer in model.layers if isinstance(layer, Logits)]
    return found[-1] if found else None
