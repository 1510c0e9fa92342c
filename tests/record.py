"""What the tests measured of each layer, for the page that lists them.

Nothing is written unless KERAS_ATTENTION_RECORD names a folder. Each process appends lines to a
file of its own there.
"""

import json
import os
import pathlib

import keras
import numpy as np

VARIABLE = "KERAS_ATTENTION_RECORD"


def error(layer: str, oracle: str, value: float) -> None:
    """The largest difference of a layer from an oracle, as a share of the largest output."""
    _write({"what": "error", "layer": layer, "oracle": oracle, "value": value})


def promise(layer: str, **promises) -> None:
    """What the contract found to hold of a layer."""
    _write({"what": "promise", "layer": layer, **promises})


def output(name: str, array) -> None:
    """An output for the same weights and inputs on every backend."""
    folder = os.environ.get(VARIABLE)
    if folder:
        path = pathlib.Path(folder, "outputs", keras.backend.backend())
        path.mkdir(parents=True, exist_ok=True)
        np.save(path / f"{name}.npy", array)


def _write(line: dict) -> None:
    folder = os.environ.get(VARIABLE)
    if folder:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        line = {"backend": keras.backend.backend(), **line}
        with pathlib.Path(folder, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
