"""What stands beside attention in a table: a gate that never changes, and a wider plain network."""

import keras
import numpy as np

import keras_attention as ka
from keras_attention.layers import Spec

from ..recipe import Mistake, Recipe

# What CBAM multiplies by before it has learnt anything.
CONSTANT = 0.25
# The attention whose parameters the wider plain network has.
LARGEST = "cbam"
# What `--attention` takes beside the layers of the library.
NAMES = ("constant", "none", "wide")


def own(chosen: Recipe) -> bool:
    """Whether the network of a recipe has attention where it is given none."""
    if chosen.pretrained:
        return ka.zoo.info(chosen.pretrained).attention != "none"
    return ka.models.factory.arguments_of(chosen.model).get("attention") not in (None, "none")


def resolved(chosen: Recipe, num_classes: int) -> Recipe:
    """`chosen` with what a control stands for in place of its name."""
    if chosen.attention == "constant":
        return chosen.replace(attention=constant)
    if chosen.attention == "wide":
        return widened(chosen, LARGEST, num_classes)
    return chosen


def constant(name: str | None = None) -> keras.layers.Layer:
    """A gate of 0.25 everywhere: what is left of CBAM without what it computes."""
    return keras.layers.Rescaling(CONSTANT, name=name)


def widened(chosen: Recipe, attention: Spec, num_classes: int) -> Recipe:
    """`chosen` without attention, its last stage so much wider that it has as many parameters.

    As many as with `attention`, or the next larger number that a whole filter more gives.
    """
    wanted = parameters(network(chosen, attention, num_classes))
    arguments = ka.models.factory.arguments_of(chosen.model)
    width = chosen.model_options.get("width", arguments["width"])
    growth = arguments.get("growth") or [2**stage for stage, _ in enumerate(arguments["depths"])]
    low = round(width * growth[-1])
    high = 2 * low
    while low < high:
        middle = (low + high) // 2
        wider = network(_with_last(chosen, growth, width, middle), None, num_classes)
        if parameters(wider) < wanted:
            low = middle + 1
        else:
            high = middle
    return _with_last(chosen, growth, width, low)


def _with_last(chosen: Recipe, growth, width: int, filters: int) -> Recipe:
    """`chosen` without attention and with so many filters in its last stage."""
    # A little more than the quotient, which rounding might bring below a whole number.
    last = (filters + 1e-6) / width
    options = {**chosen.model_options, "growth": (*growth[:-1], last)}
    return chosen.replace(attention=None, model_options=options)


def network(chosen: Recipe, attention: Spec, num_classes: int) -> keras.Model:
    """The recipe's network with this attention.

    Raises: Mistake where there is no such network.
    """
    shape = (None, None, len(chosen.mean))
    if chosen.pretrained:
        return ka.zoo.load(chosen.pretrained, num_classes, attention=attention, input_shape=shape)
    try:
        return ka.models.build(
            chosen.model,
            attention,
            num_classes=num_classes,
            input_shape=shape,
            mean=chosen.mean,
            std=chosen.std,
            **chosen.model_options,
        )
    except (TypeError, ValueError) as error:
        raise Mistake(
            f"No network of model={chosen.model!r} with "
            f"model_options={dict(chosen.model_options)!r}: {error}"
        ) from error


def parameters(model: keras.Model) -> int:
    """The trained ones."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
