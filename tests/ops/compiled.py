"""Functions of tensors, called without JAX compiling each of their operations for itself."""

import keras
from keras import ops


def compiled(function, *arguments):
    """The value of `function`; JAX takes far longer for many small operations than for one."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)(*arguments)
    return function(*map(ops.convert_to_tensor, arguments))
