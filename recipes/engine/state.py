"""The state of a run on disk, so that an interrupted run goes on where it was."""

import dataclasses
import json
import os
import pathlib

import keras
import numpy as np

from . import distribute

# How many states are kept: the one before the newest is there while that is written.
KEPT = 2


@dataclasses.dataclass
class Position:
    """How far a run is: whole epochs, steps of the next one, and what was logged.

    `seconds` are those that the steps of the next epoch took, `metrics` what they added up to;
    `commits` are those of this project that the run had a part from, in their order.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    metrics: list[float] = dataclasses.field(default_factory=list)
    history: list[dict] = dataclasses.field(default_factory=list)
    commits: list[str] = dataclasses.field(default_factory=list)


def save(folder: pathlib.Path, model: keras.Model, position: Position) -> pathlib.Path:
    """Write all that the run depends on in one file, beside it first, then in its place.

    Older files go once the new one is there. An error of the disk leaves them as they are.
    """
    from safetensors.numpy import save_file

    saved = arrays(model)
    path = folder / f"state-{position.epoch:05d}-{position.step:07d}.safetensors"
    beside = path.with_suffix(".part")
    try:
        save_file(saved, beside, metadata={"position": json.dumps(dataclasses.asdict(position))})
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    for old in found(folder)[:-KEPT]:
        old.unlink()
    for part in folder.glob("state-*.part"):  # of a process that was killed
        part.unlink()
    return path


def arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """All that the run depends on. Every process must ask where variables are split over hosts."""
    return {key: np.array(_array(value), order="C") for key, value in _variables(model).items()}


def found(folder: pathlib.Path) -> list[pathlib.Path]:
    """The states in a folder, the newest last."""
    return sorted(folder.glob("state-*.safetensors"))


def restore(folder: pathlib.Path, model: keras.Model) -> Position:
    """Load the newest state into a compiled model; the start of a run where there is none.

    Raises: ValueError for a state of another model or optimiser.
    """
    from safetensors import safe_open

    states = found(folder)
    if not states:
        return Position()
    variables = _variables(model)
    with safe_open(states[-1], "numpy") as file:
        keys = set(file.keys())
        if keys != set(variables):
            raise ValueError(
                f"{states[-1]} belongs to another model or optimiser: "
                f"{sorted(keys ^ set(variables))[:4]} stand in one of them only"
            )
        for key, variable in variables.items():
            variable.assign(file.get_tensor(key).reshape(variable.shape))
        return Position(**json.loads(file.metadata()["position"]))


def _variables(model: keras.Model) -> dict:
    """Weights with the state of random layers, and those of the optimiser."""
    variables = {f"model/{variable.path}": variable for variable in model.variables}
    # The name of an optimiser is numbered within a process; its variables' order is stable.
    optimizer = enumerate(model.optimizer.variables)
    return {**variables, **{f"optimizer/{number}": variable for number, variable in optimizer}}


def _array(variable) -> np.ndarray:
    return distribute.numpy(variable.value)
