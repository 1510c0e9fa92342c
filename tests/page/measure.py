"""Parameters and multiplications of a layer, and what its tests found."""

import json
import math
import pathlib
from collections import defaultdict

import keras
import numpy as np

from keras_attention import layers
from keras_attention.layers.registry import ATTENTION
from tests.layers.tools import built
from tests.page.examples import example

CHANNELS = 256
SIDES = (14, 56)


def parameters(key: str, side: int = SIDES[0]) -> int:
    """Trainable numbers that the layer adds to a network of 256 channels."""
    with keras.StatelessScope(initialize_variables=False):
        layer = built(_make(key), example(key).inputs(side, CHANNELS))
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)


def _make(key: str):
    return example(key).make(key, data_format="channels_last")


def multiplications(key: str, side: int) -> int:
    """Multiply-adds of its matrix products and convolutions for one image, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    shape = example(key).inputs(side, CHANNELS)
    layer = built(_make(key), shape)
    rng = np.random.default_rng(0)
    x = keras.tree.map_shape_structure(lambda one: rng.normal(size=one).astype("float32"), shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(x)
    return counter.get_total_flops() // 2


def found(folder: pathlib.Path) -> dict[str, dict]:
    """By registry key, the worst error against each oracle and the promises that hold.

    Raises: ValueError for a layer without an oracle or that the contract did not pass.
    """
    keys = {ATTENTION[key].__name__: key for key in layers.list_layers()}
    errors = defaultdict(lambda: defaultdict(float))
    promises = defaultdict(list)
    backends = defaultdict(set)
    for path in sorted(folder.glob("*.jsonl")):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            key = keys.get(line["layer"])
            if key is None:
                continue  # a layer that only tests know
            if line["what"] == "error":
                errors[key][line["oracle"]] = max(errors[key][line["oracle"]], line["value"])
            else:
                promises[key].append(line)
                backends[key].add(line["backend"])
    measured = {}
    for key in layers.list_layers():
        if key not in errors or key not in promises:
            raise ValueError(f"{key}: oracles {dict(errors[key])}, promises {promises[key]}")
        measured[key] = {
            "oracles": dict(sorted(errors[key].items())),
            "backends": sorted(backends[key]),
            "dtypes": promises[key][0]["dtypes"],
            "mask": any(line["mask"] for line in promises[key]),
            "sizes": _sizes(promises[key]),
        }
    return measured


def _sizes(lines: list[dict]) -> str:
    """Which sizes a layer takes: the best that one of the tested forms can do."""
    if any(line["dynamic"] and line["dynamic_scores"] for line in lines):
        return "any"
    return "any; fixed for scores" if any(line["dynamic"] for line in lines) else "fixed"


def differences(folder: pathlib.Path) -> dict[str, float]:
    """By case of the contract, how far the backends are apart, as a share of the output."""
    outputs = folder / "outputs"
    known = {layer.__name__ for layer in ATTENTION.values()}
    paths = outputs.glob("*/*.npy")
    names = {path.name for path in paths if path.name.partition("-")[0] in known}
    apart = {}
    for name in sorted(names):
        arrays = [np.load(path) for path in sorted(outputs.glob(f"*/{name}"))]
        middle = arrays[0]
        spread = max((np.abs(array - middle).max() for array in arrays[1:]), default=0.0)
        apart[name.removesuffix(".npy")] = float(spread / max(np.abs(middle).max(), 1e-30))
    return apart
