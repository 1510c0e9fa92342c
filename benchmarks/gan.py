"""One training step of SAGAN, ours against a plain one in torch, in one process on one core.

Run      KERAS_BACKEND=jax python -m benchmarks.gan --rounds 5
Prints   one line of JSON: images a second of both, medians of alternating rounds, their ratio, and
         megabytes in a process with each alone: the peak of a step beyond what stays between
         steps (`step`), and beyond the imports the peak of steps after the first (`steps`) and of
         the first with all that makes the networks and compiles (`first`).
         A step is one of the discriminator and one of the generator, with Adam and the averaged
         generator. `--quick`: a tiny net. Needs Linux.
"""

import argparse
import ctypes
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np

from recipes.gan import draws, recipe, run
from recipes.gan.model import Steps

from . import gan_in_torch, timing

SIDES = ("ours", "theirs")
CLASSES = 10
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def made(quick: bool):
    """(recipe, batch): one channel, made-up images."""
    chosen = recipe.find("fashion_mnist_sagan")().replace(dataset="generated_grey", ema_start=0)
    if quick:
        chosen = chosen.replace(width=4, batch_size=4)
    split = draws.load(chosen)[2]
    return chosen, draws.batch(split, chosen, CLASSES, 0, 0)


def ours(chosen, batch):
    """(a function that does a step and returns when it is done, parameters)."""
    gan = run.build(chosen, CLASSES, 1, 0)
    steps = Steps(gan)
    return lambda: float(steps(batch)["g_loss"]), run.parameters(gan)


def theirs(chosen, batch):
    """The same of the networks in torch."""
    step = gan_in_torch.Step(chosen, CLASSES, batch["images"].shape[-1])
    return lambda: step(batch), step.parameters()


def paired(rounds: int, quick: bool) -> dict:
    """Images a second of both."""
    given = made(quick)
    (mine, counts), (other, others) = ours(*given), theirs(*given)
    if counts != others:
        raise ValueError(f"Both must be the same networks. Received: {counts} and {others}")
    seconds = timing.paired(mine, other, rounds)
    images = np.round(given[0].batch_size / np.array(seconds), 1).tolist()
    return {
        "images_per_second": dict(zip(SIDES, images, strict=True)),
        "ratio": round(seconds[1] / seconds[0], 3),
        "parameters": counts,
    }


def peak(side: str, quick: bool) -> dict:
    """What the text above says, of one side."""
    keras.utils.set_random_seed(0)  # imports TensorFlow where it can, whatever the backend
    given = made(quick)
    before = _kilobytes("VmRSS")
    step, _ = {"ours": ours, "theirs": theirs}[side](*given)
    step()
    first = _kilobytes("VmHWM")
    # What compiling used is given back, and the peak begins anew.
    ctypes.CDLL(None).malloc_trim(0)
    between = _kilobytes("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        step()
    later = _kilobytes("VmHWM")
    found = {"step": later - between, "steps": later - before, "first": first - before}
    return {name: round(number / 1024) for name, number in found.items()}


def _kilobytes(name: str) -> int:
    """A line of what Linux tells of this process."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1])


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", choices=("paired", *SIDES), help="what a process of ours does")
    given = parser.parse_args(arguments)
    if given.part:
        gan_in_torch.one_thread()
        timed = given.part == "paired"
        found = paired(given.rounds, given.quick) if timed else peak(given.part, given.quick)
        print(json.dumps(found))
        return
    # XLA computes on a second core where one is free, whatever it is told of threads.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = _part(arguments, "paired")
    found["megabytes"] = {side: _part(arguments, side) for side in SIDES}
    print(json.dumps(found))


def _part(arguments: list[str], part: str) -> dict:
    """What a process of its own finds, whose backend is held to one thread."""
    words = [sys.executable, "-m", "benchmarks.gan", *arguments, "--part", part]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
