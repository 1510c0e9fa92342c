"""A state in a folder, to which each host of JAX writes its part; here one host writes all."""

import keras
import numpy as np
import pytest

from recipes.engine import distribute, optimize, sharded, state
from tests.recipes.test_recipes import built, tiny

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone has it")


class Hosts(distribute.Devices):
    """Stands where several hosts do."""

    state_suffix = sharded.SUFFIX


def compiled(**changes):
    model = built(tiny(**changes))
    optimize.compile_(model, tiny(**changes), 4)
    return model


def values(model):
    return {key: state._array(variable) for key, variable in state._variables(model).items()}


def test_it_holds_what_a_file_holds(tmp_path):
    model, other = compiled(), compiled()
    position = state.Position(1, 2, 0.5, [0.25], [{"epoch": 1, "loss": 0.5}], ["a" * 40])
    path = state.save(tmp_path, model, position, Hosts())
    assert path.is_dir() and state.found(tmp_path) == [path] and state.place(path) == (1, 2)
    for variable in state._variables(other).values():
        variable.assign(np.zeros(variable.shape))
    assert state.restore(tmp_path, other) == position
    for key, array in values(model).items():
        np.testing.assert_array_equal(values(other)[key], array, err_msg=key)


def test_two_are_kept_whatever_they_are_and_what_is_not_whole_goes(tmp_path):
    model = compiled()
    (tmp_path / "state-00000-0000009.orbax.orbax-checkpoint-tmp-7" / "values").mkdir(parents=True)
    for step, devices in enumerate((Hosts(), distribute.ONE, Hosts())):
        state.save(tmp_path, model, state.Position(0, step), devices)
    names = ["state-00000-0000001.safetensors", "state-00000-0000002.orbax"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert state.restore(tmp_path, model).step == 2
    state.clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    model = compiled()
    kept = state.save(tmp_path, model, state.Position(1), Hosts())

    def full(path, values, position):
        (path.parent / f"{path.name}.orbax-checkpoint-tmp-7").mkdir()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(sharded, "save", full)
        state.save(tmp_path, model, state.Position(2), Hosts())
    assert state.found(tmp_path) == [kept] and state.restore(tmp_path, model).epoch == 1


def test_a_state_of_another_model_is_refused(tmp_path):
    state.save(tmp_path, compiled(), state.Position(), Hosts())
    with pytest.raises(ValueError, match="belongs to another model"):
        state.restore(tmp_path, compiled(attention="eca"))
