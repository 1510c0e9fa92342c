"""How long layers take beside another implementation, on the present backend.

Run      KERAS_BACKEND=torch python -m benchmarks.speed peers
         KERAS_BACKEND=jax python -m benchmarks.speed fused
Prints   a line of JSON per layer: its key, milliseconds of ours and of theirs, and the ratio
"""

import json
import sys

import keras
import numpy as np
from keras import ops

from benchmarks import fused, timing
from benchmarks.peers import PEERS
from keras_attention import layers

BATCH, CHANNELS, SIDE = 8, 256, 28


def peers(keys: list[str]) -> None:
    """Our layers in eager torch beside other libraries' modules."""
    for name, make in PEERS.items():
        if keys and name not in keys:
            continue
        key = name.removesuffix("_v2")
        options, module, form = make(CHANNELS, SIDE)
        x = np.random.default_rng(0).normal(size=(BATCH, SIDE, SIDE, CHANNELS)).astype("float32")
        if form == "tokens":
            x = x.reshape(BATCH, -1, CHANNELS)
        # Both get the layout they are made for: channels first for a torch module of maps.
        data_format = "channels_first" if form == "map" else "channels_last"
        layer = layers.get(key, data_format=data_format, **options)
        x = np.moveaxis(x, -1, 1).copy() if form == "map" else x
        _report(name, *_eager_torch(layer, module, x))


def _eager_torch(layer, module, x):
    import torch

    module.eval()
    x = torch.from_numpy(x)
    with torch.no_grad():
        layer(x)
        return timing.paired(lambda: layer(x), lambda: module(x))


def by_hand(keys: list[str]) -> None:
    """SE, ECA and CBAM beside the same maths by hand, both compiled where the backend does."""
    x = np.random.default_rng(0).normal(size=(BATCH, SIDE, SIDE, CHANNELS)).astype("float32")
    x = ops.convert_to_tensor(x)
    for key in keys or ("cbam", "eca", "se"):
        # At its start the spatial gate of CBAM is a constant, which hides mistakes.
        options = {"gamma_initializer": "ones"} if key == "cbam" else {}
        layer = layers.get(key, data_format="channels_last", **options)
        layer.build(x.shape)
        weights = [ops.convert_to_numpy(weight) for weight in layer.weights]
        ours, theirs = _compiled(layer), fused.reference(key, weights)
        apart = np.abs(ops.convert_to_numpy(ours(x)) - ops.convert_to_numpy(theirs(x))).max()
        if apart > 1e-4:
            raise ValueError(f"{key} by hand differs by {apart:.2g}")
        _report(key, *_both(ours, theirs, x))


def _compiled(layer):
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(lambda x: layer(x))
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda x: layer(x))
    return layer


def _both(ours, theirs, x):
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        with torch.no_grad():
            return timing.paired(lambda: ours(x), lambda: theirs(x))
    wait = (lambda y: y.block_until_ready()) if backend == "jax" else (lambda y: y.numpy())
    return timing.paired(lambda: wait(ours(x)), lambda: wait(theirs(x)))


def _report(name: str, ours: float, theirs: float) -> None:
    line = {"layer": name, "ours": 1e3 * ours, "theirs": 1e3 * theirs, "ratio": ours / theirs}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    {"peers": peers, "fused": by_hand}[sys.argv[1]](sys.argv[2:])
