"""Arrays of a weight file into a model, all of them or none."""

from collections.abc import Collection, Mapping

import keras
import numpy as np

from .errors import IntegrityError


def parse(content: bytes, source: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by their keys.

    Raises: IntegrityError where it cannot be parsed, or holds a value that is not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise IntegrityError(f"{source} is not a readable safetensors file: {error}") from error
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise IntegrityError(f"{source} holds values that are not finite in {key!r}")
    return arrays


def assign(
    model: keras.Model,
    arrays: Mapping[str, np.ndarray],
    source: str,
    new_layers: Collection[str] = (),
) -> None:
    """Give every weight of `model` the array of its path, but for those of `new_layers`.

    Raises: IntegrityError before anything is assigned, if a key is missing or left over or a
        shape differs.
    """
    targets = {weight.path: weight for weight in model.weights}
    if len(targets) != len(model.weights):
        raise IntegrityError(f"Two weights of {model.name!r} have one path")
    targets, arrays = (
        {path: one for path, one in some.items() if path.partition("/")[0] not in new_layers}
        for some in (targets, arrays)
    )
    missing, extra = sorted(targets.keys() - arrays.keys()), sorted(arrays.keys() - targets.keys())
    wrong = [
        f"{key} {arrays[key].shape} for {tuple(weight.shape)}"
        for key, weight in targets.items()
        if key in arrays and arrays[key].shape != tuple(weight.shape)
    ]
    if missing or extra or wrong:
        raise IntegrityError(
            f"{source} does not fit {model.name!r}. Missing: {missing}. Left over: {extra}. "
            f"Wrong shape: {wrong}."
        )
    for key, weight in targets.items():
        weight.assign(np.array(arrays[key], weight.dtype, order="C"))
