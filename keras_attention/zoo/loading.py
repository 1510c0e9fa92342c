"""From a name to a model that classifies."""

import contextlib
import logging
import pathlib
from collections.abc import Iterator

import keras

from .. import models
from . import index, integrity
from . import weights as weight_files

WEIGHTS = pathlib.Path(__file__).parent / "weights"
HEAD = "logits"

log = logging.getLogger(__name__)


def load(
    name: str, num_classes: int | None = None, weights: bool = True, dtype: str | None = None
) -> keras.Model:
    """A published model: RGB images in 0..255 in, logits out.

    Args:
        name: One of `list_models()`.
        num_classes: Makes a new, random head for that many classes and keeps the body; None keeps
            the published head and its labels.
        weights: False gives random weights.
        dtype: A dtype policy such as "mixed_bfloat16"; None takes Keras's setting.
    Raises: UnknownModelError for an unknown name; IntegrityError if the weight file is missing,
        damaged or does not fit. There is no way to random weights but `weights=False`.

    >>> zoo.load("resnet18w16_cbam_cifar10").output_shape
    (None, 10)
    """
    entry = index.info(name)
    # Checked before the model is built, so that a broken file costs no time.
    arrays = _read(entry) if weights else {}
    arguments = dict(entry.arguments)
    new_head = num_classes is not None
    if new_head:
        arguments.update(num_classes=num_classes, labels=None)
    else:
        arguments.update(labels=entry.labels)
    with _policy(dtype):
        model = models.build(entry.architecture, **arguments)
    if weights:
        _assign(model, arrays, entry, new_head)
    return model


def _read(entry: index.ModelInfo):
    path = WEIGHTS / entry.file
    return weight_files.parse(integrity.read_verified(path, entry.size, entry.sha256), str(path))


def _assign(model: keras.Model, arrays, entry: index.ModelInfo, new_head: bool) -> None:
    weight_files.assign(model, arrays, entry.file, new_layer=HEAD if new_head else None)
    if new_head:
        log.warning(
            "%s: the body has its published weights; the head %r for %d classes is new and random",
            entry.name,
            HEAD,
            model.output_shape[-1],
        )


@contextlib.contextmanager
def _policy(dtype: str | None) -> Iterator[None]:
    before = keras.config.dtype_policy()
    try:
        if dtype is not None:
            keras.config.set_dtype_policy(dtype)
        yield
    finally:
        keras.config.set_dtype_policy(before)
