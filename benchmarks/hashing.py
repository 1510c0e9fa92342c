"""What the hash of a file of about 100 MB adds to loading it, on each way that a file can come.

Run      KERAS_BACKEND=torch python -m benchmarks.hashing [PAIRS]
Needs    timm and torch; 1 GB in the folder for temporary files
Prints   a line of JSON for each way, medians and [least, most] over pairs of fresh processes (5 if
         not told), of which one hashes and the other takes every file for right:
         with, without  seconds of a second `zoo.load` in a process, its median of five
         share          of `with`, (with - without) / with, of the pairs
         waited         seconds that a load stands still for the hash; `waited_share` of `with`
         hash_cpu       seconds of a processor for the SHA-256 alone
         load_cpu       seconds of processors for the whole load
         first          like `with`, of the first load of a process; `first_waited_share` of that
         The ways: `checkpoint`, of timm's in the Hub's cache; `published`, of ours there;
         `converted`, from a torch file and kept; `folder`, published, on the disk.
"""

import contextlib
import gc
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

COMMIT = "0" * 40
CONVERTED = "resnet50_cbam"
ROUNDS = 5


def write(folder: pathlib.Path) -> None:
    """A model of about 100 MB in each of the four places."""
    from keras import ops

    from keras_attention import models, zoo
    from keras_attention.zoo.foreign import origin
    from tests.zoo import parity

    parity.timm_folder(folder / "timm", "resnet50")
    _into_cache(folder, "checkpoint", folder / "timm")
    model = models.build("resnet50")
    zoo.publish(model, "someone/published", folder=folder / "folder", dry_run=True)
    _into_cache(folder, "published", folder / "folder")
    entry = zoo.info(CONVERTED)
    model = models.build(entry.architecture, **entry.arguments)
    arrays = {weight.path: ops.convert_to_numpy(weight) for weight in model.weights}
    place = origin.cache() / pathlib.Path(entry.origin["member"]).with_suffix(".safetensors").name
    origin._write(place, arrays, entry.origin)


def _into_cache(folder: pathlib.Path, name: str, files: pathlib.Path) -> None:
    repo = folder / f"models--someone--{name}"
    (repo / "blobs").mkdir(parents=True)
    (repo / "snapshots" / COMMIT).mkdir(parents=True)
    for path in files.iterdir():
        content = path.read_bytes()
        blob = repo / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (repo / "snapshots" / COMMIT / path.name).symlink_to(blob)


def _name(way: str, folder: pathlib.Path) -> str:
    if way in ("checkpoint", "published"):
        return f"hf://someone/{way}@{COMMIT}"
    return CONVERTED if way == "converted" else str(folder / "folder")


def _file(way: str, folder: pathlib.Path) -> pathlib.Path:
    if way in ("checkpoint", "published"):
        (found,) = (folder / f"models--someone--{way}").glob("snapshots/*/*.safetensors")
    elif way == "converted":
        (found,) = (folder / "keras_attention").glob("*.safetensors")
    else:
        found = folder / "folder" / "model.safetensors"
    return found


def hashed(folder: pathlib.Path, way: str) -> dict[str, float]:
    """A process that loads as a user does."""
    with _stopwatch(way) as waits:
        found = _loads(folder, way, waits)
    started = time.thread_time()
    with _file(way, folder).open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return {**found, "hash_cpu": time.thread_time() - started}


def trusted(folder: pathlib.Path, way: str) -> dict[str, float]:
    """A process that takes every file for right."""
    from keras_attention.zoo.files import integrity
    from keras_attention.zoo.foreign import origin
    from keras_attention.zoo.hub import fetching

    fetching.is_intact = lambda *_: True
    origin.is_good = lambda *_: True
    integrity.check = lambda *_: None
    return _loads(folder, way, [])


def _loads(folder: pathlib.Path, way: str, waits: list[float]) -> dict[str, float]:
    from benchmarks.conversion import _seconds
    from keras_attention import zoo

    runs = []
    for _ in range(1 + ROUNDS):
        waits.clear()
        started = time.process_time()
        seconds, model = _seconds(zoo.load, _name(way, folder))
        runs.append((seconds, sum(waits), time.process_time() - started))
        del model
        gc.collect()
    names = ("wall", "waited", "cpu")
    later = (statistics.median(column) for column in zip(*runs[1:], strict=True))
    first = (f"first_{name}" for name in names)
    return dict(zip((*names, *first), (*later, *runs[0]), strict=True))


@contextlib.contextmanager
def _stopwatch(way: str):
    """The seconds that the thread that loads spends on hashes, or waits for them."""
    from keras_attention.zoo import hub, published
    from keras_attention.zoo.files import integrity
    from keras_attention.zoo.foreign import origin
    from keras_attention.zoo.hub import fetching

    waits: list[float] = []

    def timed(function):
        def call(*arguments, **options):
            started = time.perf_counter()
            result = function(*arguments, **options)
            if threading.current_thread() is threading.main_thread():
                waits.append(time.perf_counter() - started)
            return result

        return call

    fetch = fetching.fetch_meanwhile
    if way in ("checkpoint", "published"):
        fetching.fetch_meanwhile = hub.fetch_meanwhile = lambda *all, **more: timed(
            fetch(*all, **more)
        )
    origin.is_good, integrity.check = timed(origin.is_good), timed(integrity.check)
    begin, kept = published._hashed_meanwhile, origin.weights_meanwhile
    published._hashed_meanwhile = lambda *all: timed(begin(*all))
    origin.weights_meanwhile = lambda *all: timed(kept(*all))
    yield waits


WAYS = ("checkpoint", "published", "converted", "folder")
STEPS = {step.__name__: step for step in (write, hashed, trusted)}


def _process(step: str, folder: str, *rest: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.hashing", step, folder, *rest]
    environment = {
        **os.environ, "HF_HUB_CACHE": folder, "HF_HUB_OFFLINE": "1", "KERAS_HOME": folder,
    }  # fmt: skip
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary(pairs: list[tuple[dict, dict]]) -> dict[str, list[float]]:
    """Median, least and most of what pairs of processes found."""
    columns = {
        "with": [one["wall"] for one, _ in pairs],
        "without": [other["wall"] for _, other in pairs],
        "share": [(one["wall"] - other["wall"]) / one["wall"] for one, other in pairs],
        "waited": [one["waited"] for one, _ in pairs],
        "waited_share": [one["waited"] / one["wall"] for one, _ in pairs],
        "hash_cpu": [one["hash_cpu"] for one, _ in pairs],
        "load_cpu": [one["cpu"] for one, _ in pairs],
        "first": [one["first_wall"] for one, _ in pairs],
        "first_waited_share": [one["first_waited"] / one["first_wall"] for one, _ in pairs],
    }
    return {
        name: [round(value, 4) for value in (statistics.median(all), min(all), max(all))]
        for name, all in columns.items()
    }


def main(count: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _process("write", folder)
        for way in WAYS:
            size = _file(way, pathlib.Path(folder)).stat().st_size / 1e6
            pairs = [
                (_process("hashed", folder, way), _process("trusted", folder, way))
                for _ in range(count)
            ]
            print(json.dumps({"way": way, "megabytes": round(size, 1), **summary(pairs)}))


if __name__ == "__main__":
    step, *rest = sys.argv[1:] or ["5"]
    if step in STEPS:
        print(json.dumps(STEPS[step](pathlib.Path(rest[0]), *rest[1:])))
    else:
        main(int(step))
