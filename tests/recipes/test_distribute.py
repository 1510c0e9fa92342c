"""Several devices and processes end with the weights of one.

Those of two processes run on torch alone unless LONG_TESTS=1 is set: each process takes seconds to
begin, and JAX and TensorFlow half a minute in all and more.
LONG_TESTS=1 KERAS_BACKEND=jax python -m pytest -n 0 tests/recipes/test_distribute.py
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_attention as ka
from recipes import train
from recipes.engine import controls, distribute, progress, run, score, state
from tests.recipes.test_recipes import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
BACKEND = keras.backend.backend()
# `rates` makes an optimiser class of its own. On torch the statistics of batch normalisation are
# those of each process, so that net has none.
CHOSEN = {
    "sizes": ((2, 8),),
    "batch_size": 16,
    "mixup": 0.2,
    "attention": {"type": "se", "reduction": 2},
    "rates": {"bias": 2.0},
    "test_views": True,
    "clip_norm": 0.05,  # less than any gradient here, so each is clipped
}
WORKER = "import sys; from tests.recipes import test_distribute as t; t.work(*sys.argv[1:])"
LONG = pytest.mark.skipif("LONG_TESTS" not in os.environ, reason="long: needs LONG_TESTS=1")
NOT_TORCH = pytest.mark.skipif(BACKEND == "torch", reason="torch has a process for each device")


def network(chosen, attention, num_classes):
    """A net that compiles in a second."""
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 128, -1)(image)
    x = keras.layers.Conv2D(8, 3, 2, name="conv")(x)
    if BACKEND != "torch":
        x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Activation("relu")(x)
    if attention is not None:
        x = ka.layers.get(attention, name="block1_attention")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(num_classes, name="logits")(x))


def work(folder, kind="none", moment=""):
    """One process of a run; a "killed" one dies in the second epoch."""
    if BACKEND == "tensorflow" and "TF_CONFIG" not in os.environ:
        split_cpu(4)
    controls.network = network
    score.BATCH = 24  # of 64 images, so that the last batch is filled up
    if moment == "killed":
        after = progress.Progress.on_train_batch_end

        def die(self, batch, logs=None):
            after(self, batch, logs)
            if (self.position.epoch, batch) == (1, 1):
                os.kill(os.getpid(), signal.SIGKILL)

        progress.Progress.on_train_batch_end = die
    for one in kind.split("+"):
        output = pathlib.Path(folder) / one
        output.mkdir(exist_ok=True)
        chosen, devices = tiny(**CHOSEN), distribute.start(one)
        devices.check(chosen)
        with devices.together():
            result = run.train(chosen, 1, output, save_every=0, devices=devices)
        if devices.first:
            (output / "result.json").write_text(json.dumps(result), "utf-8")


def split_cpu(count):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(cpu, parts)


def start(folder, *, kind="data", devices=4, processes=1, killed=None):
    """The processes of a run on parts of the CPU."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(processes)]
    for number in range(processes):
        env = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        if processes > 1:
            env |= environment(addresses, number)
        moment = "killed" if number == killed else ""
        yield subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), kind, moment],
            cwd=ROOT, env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def environment(addresses, number):
    """What says on each backend which process this is."""
    count = str(len(addresses))
    if BACKEND == "jax":
        names = {"JOB_ADDRESSES": ",".join(addresses), "NUM_PROCESSES": count}
        names["PROCESS_ID"] = str(number)
        return {f"KERAS_DISTRIBUTION_{name}": value for name, value in names.items()}
    if BACKEND == "tensorflow":
        task = {"type": "worker", "index": number}
        return {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}
    host, port = addresses[0].split(":")
    rank = {"RANK": str(number), "LOCAL_RANK": str(number)}
    return {"MASTER_ADDR": host, "MASTER_PORT": port, "WORLD_SIZE": count, **rank}


def finished(processes, seconds=240):
    """Their exit codes, once all have ended; what they wrote is told where one failed."""
    processes = list(processes)
    try:
        told = [process.communicate(timeout=seconds)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    codes = [process.returncode for process in processes]
    if any(codes):
        print(*told, sep="\n")
    return codes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run on one device."""
    folder = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "network", network)
        result = run.train(tiny(**CHOSEN), 1, folder, save_every=0)
    return folder, result


def check_ends_as(whole, folder, **distribution):
    one, result = whole
    arrays, found = (load_file(path / "weights.safetensors") for path in (one, folder))
    for path, array in arrays.items():
        np.testing.assert_allclose(found[path], array, rtol=0, atol=1e-5, err_msg=path)
    logs = [(path / "history.csv").read_text("utf-8").splitlines() for path in (one, folder)]
    assert len(logs[0]) == 3
    for row, other in zip(*logs, strict=True):  # all but the seconds
        assert other.rpartition(",")[0] == row.rpartition(",")[0]
    told = json.loads((folder / "result.json").read_text("utf-8"))
    for name in ("accuracy", "accuracy_one_view"):
        assert told[name] == result[name]
    assert distribution.items() <= told["distribution"].items()


@NOT_TORCH
def test_four_devices(whole, tmp_path):
    kinds = ["data", "model"] if BACKEND == "jax" else ["data"]
    assert finished(start(tmp_path, kind="+".join(kinds))) == [0]
    for kind in kinds:
        told = {"kind": kind, "devices": 4, "processes": 1, "batch_norm": "global"}
        check_ends_as(whole, tmp_path / kind, **told)


@NOT_TORCH
@LONG
def test_two_processes(whole, tmp_path):
    assert finished(start(tmp_path, devices=2, processes=2)) == [0, 0]
    # A worker of TensorFlow has one CPU, whatever its parts.
    devices = 4 if BACKEND == "jax" else 2
    check_ends_as(whole, tmp_path / "data", processes=2, devices=devices)


@pytest.mark.parametrize(
    "killed",
    [pytest.param(0, marks=LONG), pytest.param(1, marks=() if BACKEND == "torch" else LONG)],
)
def test_a_process_is_killed(killed, whole, tmp_path):
    processes = list(start(tmp_path, devices=2, processes=2, killed=killed))
    assert processes[killed].wait(timeout=240) == -signal.SIGKILL
    died = time.monotonic()
    codes = finished(processes, seconds=60)
    assert time.monotonic() - died < 60 and codes[1 - killed] not in (0, -signal.SIGKILL)
    newest = state.found(tmp_path / "data")[-1]
    assert state.place(newest) in ((1, 1), (1, 2))
    assert newest.is_dir() == (BACKEND == "jax")  # of which each process wrote its part
    assert finished(start(tmp_path, devices=2, processes=2)) == [0, 0]
    check_ends_as(whole, tmp_path / "data", processes=2, devices=4 if BACKEND == "jax" else 2)


def test_mistakes_are_told(monkeypatch, tmp_path, capsys):
    with pytest.raises(ValueError, match="Did you mean 'data'.*Received: kind='date'"):
        distribute.start("date")
    devices = distribute.Devices()
    devices.replicas = 3
    with pytest.raises(ValueError, match="multiple of the 3 replicas.*batch_size=16"):
        devices.check(tiny(batch_size=16))
    if BACKEND == "torch":
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        words = ["cifar10_resnet18w16", "--quick", "--output", str(tmp_path / "run")]
        for kind, message in (("model", "Only JAX"), ("data", "torchrun")):
            assert train.main([*words, "--distribute", kind]) == 2
            assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


def test_parts_of_a_batch():
    x, y = np.arange(12).reshape(6, 2), np.arange(6)
    parts = [distribute.part((x, y), 3, number) for number in range(3)]
    assert all(len(one) == len(two) == 2 for one, two in parts)
    np.testing.assert_array_equal(np.concatenate([one for one, _ in parts]), x)
    np.testing.assert_array_equal(np.concatenate([two for _, two in parts]), y)
