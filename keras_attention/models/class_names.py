"""The names of classes, kept by the model that knows the classes."""

from collections.abc import Sequence

import keras


@keras.saving.register_keras_serializable("keras_attention")
class ClassNames(keras.layers.Identity):
    """y = x, where x are the classes that a model is asked for, with their names in its config.

    Args:
        num_classes: Number of classes.
        labels: Their names in order.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.
    Raises: ValueError if `labels` has not one name per class.
    """

    def __init__(self, num_classes: int, labels: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.num_classes, self.labels = num_classes, checked(labels, num_classes)

    def get_config(self):
        own = {"num_classes": self.num_classes, "labels": list(self.labels)}
        return {**super().get_config(), **own}


def checked(labels: Sequence[str], num_classes: int) -> tuple[str, ...]:
    """These names, if there is one for each class."""
    names = tuple(labels)
    if isinstance(labels, str) or len(names) != num_classes:
        raise ValueError(
            f"labels must be one name for each of the {num_classes} classes. "
            f"Received {len(names)}: labels={labels!r}"
        )
    return names
