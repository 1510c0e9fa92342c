"""Time and peak memory of one layer on one input, in a process of its own.

Run      python -m benchmarks.memory mhsa 16384 --path naive --train
Prints   one line of JSON: seconds, and megabytes that the peak lies above what was in use before
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
from keras import ops

from keras_attention import layers

CHANNELS, HEADS = 32, 1
OPTIONS: dict[str, dict] = {
    "axial": {"num_heads": HEADS},
    "criss_cross": {},
    "linear": {"num_heads": HEADS},
    "mhsa": {"num_heads": HEADS},
    "xca": {"num_heads": HEADS},
}
MAPS = ("axial", "criss_cross")


def measure(key: str, tokens: int, path: str, train: bool) -> dict[str, float]:
    """Seconds and extra megabytes of a call, with its gradient if `train`."""
    side = round(tokens**0.5)
    shape = (1, side, side, CHANNELS) if key in MAPS else (1, tokens, CHANNELS)
    layer = layers.get(key, data_format="channels_last", **OPTIONS[key])
    layer.build(shape)
    # With scores the whole matrix is built: that is the naive path.
    call = _training(layer, path) if train else _forward(layer, path)
    small = (1, 8, 8, CHANNELS) if key in MAPS else (1, 64, CHANNELS)
    call(_random(small))  # libraries load what they need at the first call
    x = _random(shape)
    before = _now()
    _forget_peak()
    started = time.perf_counter()
    call(x)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "megabytes": (_peak() - before) / 1e6}


def _random(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    return ops.convert_to_tensor(x)


def _output(layer, x, path):
    if path == "naive":
        return layer(x, return_attention_scores=True)[0]
    return layer(x)


def _forward(layer, path):
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(lambda x: _output(layer, x, path))
        return lambda x: compiled(x).block_until_ready()
    if backend == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(lambda x: _output(layer, x, path))
        return lambda x: compiled(x).numpy()
    import torch

    def call(x):
        with torch.no_grad():
            return _output(layer, x, path)

    return call


def _training(layer, path):
    """The gradient of the mean square of the output with respect to the input."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(jax.grad(lambda x: ops.mean(_output(layer, x, path) ** 2)))
        return lambda x: compiled(x).block_until_ready()
    if backend == "tensorflow":
        import tensorflow as tf

        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = ops.mean(_output(layer, x, path) ** 2)
            return tape.gradient(loss, x)

        compiled = tf.function(gradient)
        return lambda x: compiled(x).numpy()

    def call(x):
        x = x.detach().requires_grad_(True)
        ops.mean(_output(layer, x, path) ** 2).backward()
        return x.grad

    return call


# Linux tells the memory in use and its peak, and forgets the peak when asked to.


def _status(name: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def _now() -> int:
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _forget_peak() -> None:
    pathlib.Path("/proc/self/clear_refs").write_text("5", "ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("key", choices=OPTIONS)
    parser.add_argument("tokens", type=int)
    parser.add_argument("--path", choices=("naive", "default"), default="default")
    parser.add_argument("--train", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.key, given.tokens, given.path, given.train)))


if __name__ == "__main__":
    main()
