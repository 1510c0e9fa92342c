"""How a model is put together, without memory for its weights."""

import concurrent.futures
from collections.abc import Callable

import keras


def weight_shapes(build: Callable[..., keras.Model], *arguments, **options) -> dict:
    """The shapes of the weights, by path, of the model that `build` makes of these arguments.

    No weight is given a value, so that even a large model costs no memory.
    """
    policy = keras.config.dtype_policy()

    def shapes() -> dict[str, tuple[int, ...]]:
        keras.config.set_dtype_policy(policy)
        with keras.StatelessScope(initialize_variables=False):
            model = build(*arguments, **options)
        return {weight.path: tuple(weight.shape) for weight in model.weights}

    # Keras gives such weights values later, but for those of a thread that is no more.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(shapes).result()
