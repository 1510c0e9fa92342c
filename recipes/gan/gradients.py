"""Gradients in each backend, for a step that is written once.

The step assigns to variables. On JAX it is a pure function all the same: it runs in a
`keras.StatelessScope`, and so does what is differentiated, in a scope within that one.
"""

import contextlib

import keras


def of(loss, variables, model):
    """(told, gradients) of `loss`, a function that returns a scalar and a dict of what it tells.

    `variables` are those to derive by, and `model` has all that `loss` reads. It may assign to
    those that are not trained.
    """
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()](
        loss, variables, model
    )


def of_input(function, x):
    """The gradient of a scalar function of `x`, which can itself be derived."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)
    import torch

    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(function(x), x, create_graph=True)[0]


def untracked():
    """Where PyTorch keeps nothing for a gradient; the others keep nothing unless asked to."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def _jax(loss, variables, model):
    import jax

    derived = {id(variable) for variable in variables}
    others = [variable for variable in model.variables if id(variable) not in derived]
    # A scope does not see through to the one around it.
    around = [(variable, variable.value) for variable in others]

    def pure(values):
        mapping = [*around, *zip(variables, values, strict=True)]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            value, told = loss()
            after = [scope.get_current_value(variable) for variable in others]
        return value, (told, after)

    values = [variable.value for variable in variables]
    slopes, (told, after) = jax.grad(pure, has_aux=True)(values)
    for variable, value in zip(others, after, strict=True):
        if not variable.trainable:
            variable.assign(value)
    return told, slopes


def _tensorflow(loss, variables, model):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value, told = loss()
    slopes = tape.gradient(value, [v.value for v in variables], unconnected_gradients="zero")
    return told, slopes


def _torch(loss, variables, model):
    import torch

    value, told = loss()
    slopes = torch.autograd.grad(value, [v.value for v in variables], materialize_grads=True)
    return {name: number.detach() for name, number in told.items()}, list(slopes)
