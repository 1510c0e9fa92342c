"""The state of a run on disk, so that an interrupted run goes on where it was."""

import json
import os
import pathlib

import numpy as np


def save(path: pathlib.Path, model, history: list[dict]) -> None:
    """Write weights, optimiser and history in one file, beside it first, then in its place."""
    from safetensors.numpy import save_file

    arrays = {
        key: np.array(_array(variable), order="C") for key, variable in _variables(model).items()
    }
    beside = path.with_suffix(".part")
    save_file(arrays, beside, metadata={"history": json.dumps(history)})
    os.replace(beside, path)


def restore(path: pathlib.Path, model) -> list[dict]:
    """Load what `save` wrote into a compiled model; returns the history, a row per epoch."""
    from safetensors import safe_open

    variables = _variables(model)
    with safe_open(path, "numpy") as file:
        keys = set(file.keys())
        if keys != set(variables):
            raise ValueError(
                f"{path} belongs to another model or optimiser: "
                f"{sorted(keys ^ set(variables))[:4]} stand in one of them only"
            )
        for key, variable in variables.items():
            variable.assign(file.get_tensor(key).reshape(variable.shape))
        return json.loads(file.metadata()["history"])


def _variables(model) -> dict:
    variables = {f"model/{variable.path}": variable for variable in model.variables}
    # The name of an optimiser is numbered within a process; its variables' order is stable.
    optimizer = enumerate(model.optimizer.variables)
    return {**variables, **{f"optimizer/{number}": variable for number, variable in optimizer}}


def _array(variable) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)
