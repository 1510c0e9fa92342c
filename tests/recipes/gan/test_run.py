"""A run from the command line to its files, broken off and gone on with."""

import json
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_attention as ka
from recipes.engine import state
from recipes.gan import __main__ as command
from recipes.gan import draws, recipe, run, watch
from tests.backends import ON_TORCH, on_torch_alone
from tests.recipes.gan import nets

ROOT = pathlib.Path(__file__).resolve().parents[3]


def tiny(chosen, attention, classes, channels, seed, names=None):
    """Stands where `run.networks` does."""
    keras.utils.set_random_seed(seed)
    return nets.generator("generator"), nets.discriminator(), nets.generator("average")


CHOSEN = nets.chosen(attention=None, steps=5, d_steps=2, augment=("color", "cutout"))

PROCESS = """
import os, pathlib, signal, sys

from recipes.engine import progress, state
from recipes.gan import run
from tests.recipes.gan import test_run

def row_and_die(path, text):
    write(path, text)
    if text.count("\\n") == 4:  # the third row stands in the log, and the state has two
        os.kill(os.getpid(), signal.SIGKILL)

write, progress.write = progress.write, row_and_die
run.networks = test_run.tiny
run.train(test_run.CHOSEN, 1, pathlib.Path(sys.argv[1]), save_every=0)
"""


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(run, "networks", tiny)


def ended(folder):
    rows = (folder / "log.csv").read_text("utf-8").splitlines()
    columns = [row.split(",") for row in rows]
    place = columns[0].index("seconds")
    told = [row[:place] + row[place + 1 :] for row in columns]
    return told, load_file(state.found(folder)[-1])


def assert_same_run(folder, other):
    """The same to the bit on JAX."""
    (log, arrays), (wanted_log, wanted) = ended(folder), ended(other)
    exact = keras.backend.backend() == "jax"
    assert log[0] == wanted_log[0] and len(log) == len(wanted_log)
    for row, wanted_row in zip(log[1:], wanted_log[1:], strict=True):
        numbers, others = np.array([row[:-1], wanted_row[:-1]], "float64")
        np.testing.assert_allclose(numbers, others, rtol=0 if exact else 1e-5)
        assert row[-1] == wanted_row[-1]
    assert set(arrays) == set(wanted)
    for key, array in wanted.items():
        atol = 0 if exact else 1e-6
        np.testing.assert_allclose(arrays[key], array, rtol=0, atol=atol, err_msg=key)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "networks", tiny)
        run.train(CHOSEN, 1, folder, save_every=0)
    return folder


class Stopped(Exception):
    """What a process that is killed is played by."""


def test_a_run_goes_on_where_it_stopped(small, whole, tmp_path, monkeypatch):
    def save_and_stop(folder, model, position):
        path = save(folder, model, position)
        if position.step == 3:
            raise Stopped
        return path

    save = state.save
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(state, "save", save_and_stop)
        run.train(CHOSEN, 1, tmp_path, save_every=0)
    assert len(state.found(tmp_path)) == state.KEPT
    result = run.train(CHOSEN, 1, tmp_path, save_every=0)
    assert result["steps"] == 5
    assert_same_run(tmp_path, whole)


def test_a_killed_run_ends_as_another(small, whole, tmp_path):
    words = [sys.executable, "-c", PROCESS, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert state.found(tmp_path)[-1].name == "state-00000-0000002.safetensors"
    run.train(CHOSEN, 1, tmp_path, save_every=0)
    assert_same_run(tmp_path, whole)


def test_what_a_run_leaves(small, whole):
    names = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    states = {f"state-00000-000000{step}.safetensors" for step in (4, 5)}
    grids = {f"samples/step-000000{step}.png" for step in (2, 4, 5)}
    assert names == {"recipe.json", "log.csv", "generator.safetensors", *states, *grids}
    model = nets.generator("average")
    saved = load_file(whole / "generator.safetensors")
    kept = load_file(state.found(whole)[-1])
    for weight in model.weights:
        path = weight.path.partition("/")[2]
        np.testing.assert_array_equal(saved[path], kept[f"model/{weight.path}"])


def test_a_loss_that_is_no_number_stops_with_its_step(small, tmp_path, capsys):
    words = ["cifar10_sagan_half", "--quick", "--attention", "none", "--output", str(tmp_path)]
    for name, value in {
        "size": 8, "latent": 3, "conditional": False, "g_rate": 1e38, "steps": 9,
        "log_every": 9,
    }.items():  # fmt: skip
        words += ["--set", f"{name}={value}"]
    assert command.main(words) == 3
    error = capsys.readouterr().err
    assert "A loss or its gradient is no number at step 2. No state was written" in error
    assert not state.found(tmp_path)


@on_torch_alone
def test_a_collapse_is_printed_and_logged(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "sample", lambda *_: np.zeros((4, 8, 8, 3), "float32"))
    result = run.train(CHOSEN, 1, tmp_path)
    told = "samples are alike: diversity 0.0 is below 0.25"
    assert f"warning: {told}" in capsys.readouterr().out
    assert told in (tmp_path / "log.csv").read_text("utf-8")
    assert result["warnings"] == [told] * 5 and watch.DIVERSITY == 0.25


# The others go without: with attention the twin is built as well, which takes as long again.
WITH_ATTENTION = ("cifar10_sagan_half", "two_shapes_sagan")


@pytest.mark.parametrize("name", recipe.names() if ON_TORCH else ["cifar10_sagan_half"])
def test_every_recipe_runs_quickly(name, tmp_path):
    words = [name, "--quick", "--seed", "3", "--output", str(tmp_path), "--set", "steps=2"]
    words += ["--set", "d_steps=1", "--set", "augment=('translation',)"]
    words += [] if name in WITH_ATTENTION else ["--attention", "none"]
    assert command.main(words) == 0
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert result["steps"] == 2 and result["seed"] == 3
    assert result["command"].startswith(f"python -m recipes.gan {name} --quick")
    assert ("consistent" in result) == (name == "two_shapes_sagan")
    assert (result["recipe"]["attention"] == "sagan") == (name in WITH_ATTENTION)


@on_torch_alone
def test_a_finished_generator_is_loaded(tmp_path):
    chosen = recipe.find("fashion_mnist_sagan")(quick=True)
    gan = run.build(chosen, 10, 1, 0)
    run.save_generator(tmp_path / "generator.safetensors", gan.average)
    result = {"recipe": chosen.told(), "classes": 10, "channels": 1}
    latents, labels = np.random.default_rng(0).normal(size=(3, 16)).astype("float32"), np.arange(3)
    found = run.sample(run.load_generator(tmp_path, result), latents, labels)
    assert found.shape == (3, 32, 32, 1)
    np.testing.assert_array_equal(found, run.sample(gan.average, latents, labels))


@on_torch_alone
def test_twins_start_alike():
    chosen = recipe.find("cifar10_sagan")(quick=True)
    gated, plain = (run.build(chosen.replace(attention=a), 10, 3, 5) for a in ("sagan", None))
    with_, without = nets.numpy(gated), nets.numpy(plain)
    assert set(without) < set(with_)
    assert all("attention" in path for path in set(with_) - set(without))
    for path, array in without.items():
        np.testing.assert_array_equal(with_[path], array, err_msg=path)
        if path.startswith("generator/"):
            other = path.replace("generator/", "average/", 1)
            np.testing.assert_array_equal(without[other], array)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cifar10_sagn"], "Did you mean 'cifar10_sagan'"),
        (["cifar10_sagan", "--attention", "sagn"], "Did you mean 'sagan'"),
        (["cifar10_sagan", "--set", "g_rte=1"], "Did you mean 'g_rate'"),
        (["cifar10_sagan", "--set", "steps"], "--set needs field=value"),
        (["cifar10_sagan", "--set", "model=sagan23"], "Did you mean 'sagan32'"),
        (["cifar10_sagan", "--set", "dataset=cifar01"], "Did you mean 'cifar10'"),
        (["cifar10_sagan", "--set", "batch_size=65"], "at most the 64 training images"),
        (["cifar10_sagan", "--set", "size=16"], "size must be 32"),
    ],
)
@on_torch_alone
def test_mistakes_on_the_command_line_are_one_line(words, message, capsys, tmp_path):
    assert command.main([*words, "--quick", "--output", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and error.startswith("gan: ")
    assert not (tmp_path / "run").exists()


@on_torch_alone
def test_a_run_goes_on_unless_told_otherwise(tmp_path, monkeypatch):
    def train(chosen, seed, output, resume, save_every):
        given.append(resume)
        return {}

    given = []
    monkeypatch.setattr(run, "train", train)
    for more in ([], ["--resume"], ["--no-resume"]):
        assert command.main(["cifar10_sagan", "--quick", "--output", str(tmp_path), *more]) == 0
    assert given == [True, True, False]


@on_torch_alone
def test_a_dry_run_tells_the_time(small, capsys):
    words = ["cifar10_sagan_half", "--attention", "none", "--quick", "--dry-run"]
    for field in ("size=8", "latent=3", "conditional=False"):
        words += ["--set", field]
    assert command.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 6 and told["seconds_per_step"] > 0
    assert set(told["parameters"]) == {"generator", "discriminator"}


@pytest.mark.skipif(not ON_TORCH, reason="JAX and TensorFlow compile it for long")
def test_bfloat16_trains(small):
    chosen = CHOSEN.replace(precision="mixed_bfloat16")
    keras.config.set_dtype_policy(chosen.precision)
    _, classes, split = draws.load(chosen)
    gan = run.build(chosen, classes, 3, 0)
    steps = run.Steps(gan)
    before = nets.numpy(gan)["generator/conv/kernel"]
    told = steps(draws.batch(split, chosen, classes, 0, 0))
    assert np.isfinite(float(told["g_loss"]))
    after = nets.numpy(gan)["generator/conv/kernel"]
    assert after.dtype == "float32" and not np.array_equal(after, before)
    assert ka.layers.get(chosen.attention) is None
