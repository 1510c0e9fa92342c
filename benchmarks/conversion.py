"""Time and memory of loading a ViT-B/16 from timm's file, beside Keras loading its own.

Run      KERAS_BACKEND=torch python -m benchmarks.conversion
Needs    timm
Prints   a line of JSON: seconds of the model's construction, of a first and a second load through
         `zoo.load` without it, of Keras's `load_weights`; and the peak of memory above what was in
         use before the load, as a multiple of the file's size
"""

import functools
import gc
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from benchmarks import memory

ARCHITECTURE = "vit_base_patch16_224"


def write(folder: str) -> None:
    """The files of timm's model, and Keras's of ours."""
    from keras_attention import zoo
    from tests.zoo import parity

    parity.timm_folder(pathlib.Path(folder), ARCHITECTURE)
    zoo.load(folder).save_weights(f"{folder}/own.weights.h5")


def measure(folder: str) -> None:
    """Prints what one process found that loads the files."""
    from keras_attention import models, zoo

    def timed(function):
        started = time.perf_counter()
        result = function()
        return time.perf_counter() - started, result

    timed(lambda: models.build(ARCHITECTURE))  # libraries load and compile what they need
    building, model = timed(lambda: models.build(ARCHITECTURE))
    keras_loading, _ = timed(functools.partial(model.load_weights, f"{folder}/own.weights.h5"))
    del model
    gc.collect()
    size = (pathlib.Path(folder) / "model.safetensors").stat().st_size
    before = memory._now()
    memory._forget_peak()
    loads = [timed(lambda: zoo.load(folder))[0] for _ in range(1)]
    peak = memory._peak() - before
    loads.append(timed(lambda: zoo.load(folder))[0])
    found = {
        "building": building,
        "first": loads[0] - building,
        "second": loads[1] - building,
        "keras": keras_loading,
        "megabytes": size / 1e6,
        "peak": peak / size,
    }
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for step in ("write", "measure"):
            command = [sys.executable, "-m", "benchmarks.conversion", step, folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"write": write, "measure": measure}[sys.argv[1]](sys.argv[2])
    else:
        main()
