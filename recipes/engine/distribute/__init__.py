"""Several devices and hosts, with the engine that each backend has for them.

JAX `keras.distribution`, TensorFlow `tf.distribute`, torch `torch.distributed`. On all of them a
run sees the same batches as on one device, which depend on the seed, the epoch and the step alone:
every process makes its own part of each and trains on that. docs/scaling.md has the commands.
"""

import keras

from keras_attention.layers.checks import one_of

from .devices import ONE, Devices, numpy, part

__all__ = ["KINDS", "ONE", "Devices", "numpy", "part", "start"]

KINDS = ("data", "model", "none")


def start(kind: str = "none") -> Devices:
    """All devices of this run, which the environment tells; before anything is computed.

    Raises: ValueError for a kind that the backend has not.
    """
    backend = keras.backend.backend()
    if one_of(KINDS, "start", kind=kind) == "none":
        return ONE
    if backend == "jax":
        from .on_jax import OnJax

        return OnJax(kind)
    if kind == "model":
        raise ValueError(
            "Only JAX splits a model: expected KERAS_BACKEND=jax or --distribute data. "
            f"Received: KERAS_BACKEND={backend}, --distribute model"
        )
    if backend == "tensorflow":
        from .on_tensorflow import OnTensorFlow

        return OnTensorFlow()
    from .on_torch import OnTorch

    return OnTorch()
