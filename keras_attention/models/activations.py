"""Activations by name, which a saved model finds again."""

from collections.abc import Callable

import keras
from keras import ops

from ..layers.checks import one_of


@keras.saving.register_keras_serializable("keras_attention")
def gelu_tanh(x):
    """GELU in its tanh approximation, as JAX has it by default."""
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable("keras_attention")
def quick_gelu(x):
    """x * sigmoid(1.702 x), which OpenAI's CLIP has for GELU."""
    return x * ops.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable] = {
    "gelu": keras.activations.gelu,
    "gelu_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
}


def get(name: str) -> Callable:
    """The function of this name; "gelu" is the exact one."""
    return ACTIVATIONS[one_of(ACTIVATIONS, "activation", name=name)]
