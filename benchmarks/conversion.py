"""Time and memory of loading a ViT-B/16 of timm from the Hub's cache, beside Keras loading its own.

Run      KERAS_BACKEND=torch python -m benchmarks.conversion [PROCESSES]
Needs    timm; 1 GB in the folder for temporary files
Prints   a line of JSON, each a median over fresh processes (5 if not told):
         build_first  seconds of the model's construction, the first thing a process does
         first        seconds of `zoo.load` in such a process, without build_first
         peak         memory of that load at its peak above what was in use, in sizes of the file
         build        seconds of the construction where libraries have loaded what they need
         second       seconds of `zoo.load` there, without build
         keras        seconds of Keras's `load_weights` of the same weights there
         ratio        second / keras
         whole_ratio  (build + second) / (build + keras)
         peak_second  like peak
         hash         seconds of the file's SHA-256 alone, which `zoo.load` takes on another core
"""

import gc
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import memory

ARCHITECTURE = "vit_base_patch16_224"
REPO, COMMIT = "someone/vit", "0" * 40
OWN = "own.weights.h5"
ROUNDS = 5


def write(folder: pathlib.Path) -> None:
    """The Hub's cache with the files of timm's model, and Keras's file of ours."""
    from keras_attention import zoo
    from tests.zoo import parity

    repo = folder / f"models--{REPO.replace('/', '--')}"
    snapshot, blobs = repo / "snapshots" / COMMIT, repo / "blobs"
    parity.timm_folder(snapshot, ARCHITECTURE)
    blobs.mkdir()
    for path in list(snapshot.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(blobs / digest)
        path.symlink_to(blobs / digest)
    zoo.load(_name()).save_weights(folder / OWN)


def build_first(folder: pathlib.Path) -> dict[str, float]:
    from keras_attention import models

    return {"build_first": _seconds(models.build, ARCHITECTURE)[0]}


def first(folder: pathlib.Path) -> dict[str, float]:
    from keras_attention import zoo

    seconds, peak = _with_peak(zoo.load, folder)
    return {"first": seconds, "peak": peak}


def second(folder: pathlib.Path) -> dict[str, float]:
    """Construction, Keras's loading and ours in turn, so that all see the same machine."""
    from keras_attention import models, zoo

    times: dict[str, list[float]] = {"build": [], "keras": [], "load": [], "peak_second": []}
    for _ in range(1 + ROUNDS):
        build, model = _seconds(models.build, ARCHITECTURE)
        keras, _ = _seconds(model.load_weights, folder / OWN, model=model)
        del model
        gc.collect()
        load, peak = _with_peak(zoo.load, folder)
        for name, value in zip(times, (build, keras, load, peak), strict=True):
            times[name].append(value)
    found = {name: statistics.median(values[1:]) for name, values in times.items()}
    started = time.perf_counter()
    with _file(folder).open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return found | {"hash": time.perf_counter() - started}


def _with_peak(load, folder) -> tuple[float, float]:
    before = memory._now()
    memory._forget_peak()
    seconds, _ = _seconds(load, _name())
    return seconds, (memory._peak() - before) / _file(folder).stat().st_size


def _name() -> str:
    return f"hf://{REPO}@{COMMIT}"


def _file(folder: pathlib.Path) -> pathlib.Path:
    return next(folder.glob("models--*/snapshots/*/*.safetensors"))


def _seconds(function, *arguments, model=None):
    """Seconds until a call's model, or what it does to `model`, is all there; and its result."""
    started = time.perf_counter()
    result = function(*arguments)
    _wait_for(model or result)
    return time.perf_counter() - started, result


def _wait_for(model) -> None:
    """JAX computes on while it returns: random values, say, while others are read."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready([weight.value for weight in model.weights])


STEPS = {step.__name__: step for step in (write, build_first, first, second)}


def _process(step: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.conversion", step, folder]
    environment = {**os.environ, "HF_HUB_CACHE": folder, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(processes: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _process("write", folder)
        runs = [
            _process("build_first", folder) | _process("first", folder) | _process("second", folder)
            for _ in range(processes)
        ]
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    second = statistics.median(run["load"] - run["build"] for run in runs)
    ratio = statistics.median((run["load"] - run["build"]) / run["keras"] for run in runs)
    whole = statistics.median(run["load"] / (run["build"] + run["keras"]) for run in runs)
    found["first"] -= found["build_first"]
    del found["load"]
    found |= {"second": second, "ratio": ratio, "whole_ratio": whole}
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    step, *rest = sys.argv[1:] or ["5"]
    if step in STEPS:
        print(json.dumps(STEPS[step](pathlib.Path(rest[0]))))
    else:
        main(int(step))
