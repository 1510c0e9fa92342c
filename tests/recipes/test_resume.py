"""A run that is interrupted ends as one that is not."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from recipes import data, train
from recipes.engine import optimize, progress, run, state
from tests.backends import on_torch_alone
from tests.recipes.test_recipes import built, tiny


class Stopped(Exception):
    """What a process that is killed is played by."""


def stop(monkeypatch, at):
    """Break off once the state of that (epoch, step) is on disk."""
    save = state.save

    def save_and_stop(folder, model, position, devices):
        path = save(folder, model, position, devices)
        if (position.epoch, position.step) == at:
            raise Stopped
        return path

    monkeypatch.setattr(state, "save", save_and_stop)


# Networks with moving means, and with draws of their own.
NORMS = {"model": "airbench94", "model_options": {"width": 2}}
DRAWS = {
    "model": "vit_cifar_192x6",
    "model_options": {"width": 12, "depths": (2,), "hidden": 8, "patch": 8, "drop_path": 0.3},
}


@pytest.mark.parametrize(
    ("at", "net"), [((2, 0), NORMS), ((0, 3), DRAWS)], ids=["between epochs", "within one"]
)
def test_a_run_goes_on_where_it_stopped(at, net, tmp_path, monkeypatch):
    chosen = tiny(sizes=((2, 16), (1, 32)), mixup=0.2, cutmix=1.0, ema=0.5, **net)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = run.train(chosen, 1, tmp_path / "whole", save_every=0)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop(patch, at)
        run.train(chosen, 1, tmp_path / "parts", save_every=0)
    parts = run.train(chosen, 1, tmp_path / "parts", save_every=0)
    assert parts["epochs"] == whole["epochs"] == 3 and parts["accuracy"] == whole["accuracy"]
    first, second = (load_file(tmp_path / n / "weights.safetensors") for n in ("whole", "parts"))
    for key, array in first.items():
        np.testing.assert_allclose(second[key], array, atol=1e-6, err_msg=key)
    rows = [
        (tmp_path / n / "history.csv").read_text("utf-8").splitlines() for n in ("whole", "parts")
    ]
    for one, other in zip(*rows, strict=True):  # all but the seconds
        assert one.rpartition(",")[0] == other.rpartition(",")[0]


@on_torch_alone
def test_no_resume_begins_anew(tmp_path, capsys):
    net = "model_options={'width': 2, 'stem': 'small'}"
    words = ["cifar10_resnet18w16", "--quick", "--set", net, "--set", "sizes=((1, 8),)"]
    words += ["--output", str(tmp_path)]

    def weights(*more):
        assert train.main([*words, *more]) == 0
        return (tmp_path / "weights.safetensors").read_bytes()

    first = weights()
    assert weights("--resume") == first  # the run in the folder is finished
    capsys.readouterr()
    assert train.main([*words, "--seed", "1"]) == 2
    error = capsys.readouterr().err
    assert "was begun with seed=0" in error and error.count("\n") == 1
    assert weights("--seed", "1", "--no-resume") != first
    assert len((tmp_path / "history.csv").read_text("utf-8").splitlines()) == 2


@on_torch_alone
def test_two_states_are_kept_and_parts_of_killed_processes_go(tmp_path):
    (tmp_path / "state-00000-0000001.part").write_bytes(b"half")
    run.train(tiny(sizes=((3, 8),)), 0, tmp_path, save_every=0)
    names = sorted(path.name for path in tmp_path.glob("state-*"))
    assert names == ["state-00002-0000003.safetensors", "state-00003-0000000.safetensors"]


def test_a_full_disk_keeps_the_state_before(tmp_path, monkeypatch):
    model = built(tiny())
    optimize.compile_(model, tiny(), 4)
    kept = state.save(tmp_path, model, state.Position(1))
    content = kept.read_bytes()

    def full(arrays, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        state.save(tmp_path, model, state.Position(2))
    assert list(tmp_path.iterdir()) == [kept] and kept.read_bytes() == content


def test_a_state_of_another_model_is_refused(tmp_path):
    model = built(tiny())
    optimize.compile_(model, tiny(), 4)
    state.save(tmp_path, model, state.Position())
    other = built(tiny(attention="eca"))
    optimize.compile_(other, tiny(attention="eca"), 4)
    with pytest.raises(ValueError, match="belongs to another model"):
        state.restore(tmp_path, other)


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path, capsys):
    with pytest.raises(FloatingPointError, match=r"nan at step 2 of epoch 1.*No state was written"):
        run.train(tiny(learning_rate=float("nan"), warmup=0.0), 0, tmp_path)
    assert not state.found(tmp_path)
    words = ["cifar10_resnet18w16", "--quick", "--output", str(tmp_path / "run")]
    words += ["--set", "learning_rate=1e38", "--set", "model_options={'width': 2, 'stem': 'small'}"]
    assert train.main(words) == 3
    assert "The loss is" in capsys.readouterr().err


def test_the_position_is_moved_on(tmp_path):
    chosen, position = tiny(sizes=((2, 8),)), state.Position()
    split = data.load("generated").splits["train"]
    model = built(chosen)
    steps = data.steps_per_epoch(split, chosen)
    optimize.compile_(model, chosen, steps)
    run.fit(model, chosen, split, 0, progress.Progress(tmp_path, chosen, position, steps, 1e9))
    assert (position.epoch, position.step, len(position.history)) == (2, 0, 2)
    assert [row["epoch"] for row in position.history] == [1, 2]
