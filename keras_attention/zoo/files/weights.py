"""Arrays of a weight file into a model, all of them or none."""

from collections.abc import Callable, Collection, Mapping

import keras
import numpy as np

from ..errors import IntegrityError, WeightsError
from . import header

Shapes = Mapping[str, tuple[int, ...]]


def parse(content: bytes, source: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by their keys.

    Raises: IntegrityError where it cannot be parsed; WeightsError where it holds a value that is
        not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    header.of_bytes(content, source)
    try:
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise IntegrityError(f"{source} is not a readable safetensors file: {error}") from error
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{source} holds values that are not finite in {key!r}")
    return arrays


def assign(
    model: keras.Model,
    shapes: Shapes,
    array: Callable[[str], np.ndarray],
    source: str,
    new_layers: Collection[str] = (),
    part: bool = False,
) -> None:
    """Give every weight of `model` the array of its path, but for those of `new_layers`.

    Args:
        model: The model.
        shapes: Of all arrays that there are, by path.
        array: Gives one of them.
        source: What errors call the source.
        new_layers: Names of layers that stay as they are.
        part: Whether the model need not have all that there is.
    Raises: WeightsError before anything is assigned, if a key is missing or left over or a shape
        differs.
    """
    targets = {weight.path: weight for weight in model.weights}
    if len(targets) != len(model.weights):
        raise WeightsError(f"Two weights of {model.name!r} have one path")
    targets, shapes = (
        {path: one for path, one in some.items() if path.partition("/")[0] not in new_layers}
        for some in (targets, shapes)
    )
    if part:
        shapes = {path: shape for path, shape in shapes.items() if path in targets}
    wanted = {path: tuple(weight.shape) for path, weight in targets.items()}
    check(shapes, wanted, source, model.name)
    for path, weight in targets.items():
        weight.assign(np.asarray(array(path), weight.dtype))


def check(found: Shapes, wanted: Shapes, source: str, model: str) -> None:
    """Refuse shapes, by key, that are not exactly those of a model's weights.

    Raises: WeightsError that lists what is missing, left over and of another shape.
    """
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    wrong = [
        f"{key} {found[key]} for {shape}"
        for key, shape in wanted.items()
        if key in found and found[key] != shape
    ]
    if missing or extra or wrong:
        raise WeightsError(
            f"{source} does not fit {model!r}. Missing: {missing}. Left over: {extra}. "
            f"Wrong shape: {wrong}."
        )
