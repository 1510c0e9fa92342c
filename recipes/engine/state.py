"""The state of a run on disk, so that an interrupted run goes on where it was."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from . import distribute, sharded

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


def save(
    folder: pathlib.Path,
    model: keras.Model,
    position: Position,
    devices: distribute.Devices = distribute.ONE,
) -> pathlib.Path:
    """Write all that the run depends on beside the older states, which go once it is in its place.

    Every process must call this. An error of the disk leaves the older states as they are.
    """
    path = folder / f"state-{position.epoch:05d}-{position.step:07d}{devices.state_suffix}"
    if path.suffix == sharded.SUFFIX:
        values = {key: variable.value for key, variable in _variables(model).items()}
        sharded.save(path, values, dataclasses.asdict(position))
    else:
        # Every process asks: some variables are sums over the replicas of all.
        arrays = {key: _array(variable) for key, variable in _variables(model).items()}
        if devices.first:
            _save_file(path, arrays, position)
    if devices.first:
        for old in found(folder)[:-KEPT]:
            _remove(old)
        for part in folder.glob("state-*.part"):  # of a process that was killed
            part.unlink()
        for part in folder.glob(sharded.UNFINISHED):
            sharded.remove(part)
    return path


def _array(variable) -> np.ndarray:
    return np.array(distribute.numpy(variable.value), order="C")


def _save_file(path: pathlib.Path, arrays: dict[str, np.ndarray], position: Position) -> None:
    from safetensors.numpy import save_file

    beside = path.with_suffix(".part")
    try:
        save_file(arrays, beside, metadata={"position": json.dumps(dataclasses.asdict(position))})
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def found(folder: pathlib.Path) -> list[pathlib.Path]:
    """The states in a folder, the newest last."""
    kinds = (".safetensors", sharded.SUFFIX)
    return sorted(path for path in folder.glob("state-*") if path.suffix in kinds)


def place(path: pathlib.Path) -> tuple[int, int]:
    """The epoch and the step of a state."""
    epoch, step = path.stem.split("-")[1:]
    return int(epoch), int(step)


def clear(folder: pathlib.Path) -> None:
    """Remove all states."""
    for path in found(folder):
        _remove(path)


def restore(folder: pathlib.Path, model: keras.Model) -> Position:
    """Load the newest state into a compiled model; the start of a run where there is none.

    Raises: ValueError for a state of another model or optimiser.
    """
    states = found(folder)
    if not states:
        return Position()
    variables = _variables(model)
    read = sharded.restore if states[-1].suffix == sharded.SUFFIX else _read_file
    try:
        values, position = read(states[-1], {key: v.value for key, v in variables.items()})
    except ValueError as error:
        raise ValueError(f"{states[-1]} belongs to another model or optimiser: {error}") from None
    for key, variable in variables.items():
        variable.assign(values[key])
    return Position(**position)


def _read_file(path: pathlib.Path, values: Mapping) -> tuple[dict, dict]:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        keys = set(file.keys())
        if keys != set(values):
            few = sorted(keys ^ set(values))[:4]
            raise ValueError(f"{few} stand in one of them only")
        arrays = {key: file.get_tensor(key).reshape(value.shape) for key, value in values.items()}
        return arrays, json.loads(file.metadata()["position"])


def _remove(path: pathlib.Path) -> None:
    if path.suffix == sharded.SUFFIX:
        sharded.remove(path)
    else:
        path.unlink()


def _variables(model: keras.Model) -> dict:
    """Weights with the state of random layers, and those of the optimiser."""
    variables = {f"model/{variable.path}": variable for variable in model.variables}
    # The name of an optimiser is numbered within a process; its variables' order is stable.
    optimizer = enumerate(model.optimizer.variables)
    return {**variables, **{f"optimizer/{number}": variable for number, variable in optimizer}}
