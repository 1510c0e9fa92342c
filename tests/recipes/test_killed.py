"""A training process that is killed at the worst moments, and its successor."""

import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from recipes.engine import run, state
from tests.recipes.test_recipes import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A network with moving means that compiles in a second or two.
NET = {"model": "airbench94", "model_options": {"width": 2}}
CHOSEN = {"sizes": ((2, 16),), "batch_size": 16, "mixup": 0.2, **NET}

# Trains as the test does, until the moment comes.
PROCESS = """
import os, pathlib, signal, sys

from recipes.engine import progress, run, state
from tests.recipes.test_recipes import tiny
from tests.recipes.test_killed import CHOSEN

folder, moment = pathlib.Path(sys.argv[1]), sys.argv[2]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)

if moment == "within an epoch":
    after = progress.Progress.on_train_batch_end
    def batch_end(self, batch, logs=None):
        after(self, batch, logs)
        if (self.position.epoch, batch) == (1, 1):
            die()
    progress.Progress.on_train_batch_end = batch_end
elif moment == "while a state is written":
    replace = os.replace
    def before(source, target):
        if "state-00001-0000002" in str(target):
            with open(source, "r+b") as file:
                file.truncate(1000)
            die()
        replace(source, target)
    os.replace = before
elif moment == "between the log and the state":
    write = progress.write
    def log(path, text):
        write(path, text)
        if path.name == "history.csv":
            die()
    progress.write = log
run.train(tiny(**CHOSEN), 1, folder, save_every=0)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights and the log of a run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run.train(tiny(**CHOSEN), 1, folder, save_every=0)
    return ended(folder)


def ended(folder):
    log = (folder / "history.csv").read_text("utf-8").splitlines()
    # All but the seconds, which are the last column.
    return load_file(folder / "weights.safetensors"), [row.rpartition(",")[0] for row in log]


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("within an epoch", (1, 2)),
        ("while a state is written", (1, 1)),
        ("between the log and the state", (0, 3)),
    ],
)
def test_a_killed_run_ends_as_another(moment, left, whole, tmp_path):
    command = [sys.executable, "-c", PROCESS, str(tmp_path), moment]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    newest = state.found(tmp_path)[-1]
    assert newest.name == f"state-{left[0]:05d}-{left[1]:07d}.safetensors"
    result = run.train(tiny(**CHOSEN), 1, tmp_path, save_every=0)
    assert result["epochs"] == 2
    weights, log = ended(tmp_path)
    assert log == whole[1]
    exact = keras.backend.backend() == "jax"
    for path, array in whole[0].items():
        np.testing.assert_allclose(
            weights[path], array, rtol=0, atol=0 if exact else 1e-6, err_msg=path
        )
