"""Speed and memory of the layers, as ratios measured side by side.

Run      python -m benchmarks.layers [--output docs/benchmarks.md]
Cost     about ten minutes on two cores
Prints   the tables of `docs/benchmarks.md`
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

import keras

BACKENDS = ("jax", "tensorflow", "torch")
TOKENS = (1024, 4096, 16384)
SCALING = ("mhsa", "linear", "xca", "criss_cross", "axial")


def run(backend: str, module: str, *words: str) -> list[dict]:
    """The JSON lines that a module prints in a process of its own."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} on {backend}:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def speed_by_hand() -> str:
    rows = []
    for backend in BACKENDS:
        for found in run(backend, "speed", "fused"):
            rows.append((backend, f"`{found['layer']}`", *_times(found)))
    head = ("backend", "layer", "ours, ms", "by hand, ms", "ratio")
    return "## Beside the same maths by hand\n\n" + table(head, rows)


def speed_of_peers() -> str:
    found = run("torch", "speed", "peers")
    rows = [(f"`{one['layer']}`", *_times(one)) for one in found]
    head = ("layer", "ours, ms", "theirs, ms", "ratio")
    return "## Beside other libraries' torch modules, eager\n\n" + table(head, rows)


def _times(found: dict) -> tuple[str, str, str]:
    return f"{found['ours']:.2f}", f"{found['theirs']:.2f}", f"{found['ratio']:.2f}"


def memory() -> str:
    rows = []
    for backend in BACKENDS:
        for tokens in TOKENS[1:]:
            for what in ((), ("--train",)):
                naive, own = (
                    run(backend, "memory", "mhsa", str(tokens), "--path", path, *what)[0]
                    for path in ("naive", "default")
                )
                rows.append(
                    (
                        backend,
                        f"{tokens:,}",
                        "with gradient" if what else "forward",
                        f"{naive['megabytes']:.0f}",
                        f"{own['megabytes']:.0f}",
                        f"1/{naive['megabytes'] / max(own['megabytes'], 0.1):.0f}",
                        f"{own['seconds'] / naive['seconds']:.2f}",
                    )
                )
    head = ("backend", "tokens", "", "naive, MB", "ours, MB", "memory", "time")
    return "## Self-attention without its matrix\n\n" + table(head, rows)


def scaling() -> str:
    rows = []
    for key in SCALING:
        found = [run("torch", "memory", key, str(tokens))[0] for tokens in TOKENS]
        rows.append(
            (
                f"`{key}`",
                *(f"{1e3 * one['seconds']:.1f}" for one in found),
                *(f"{one['megabytes']:.0f}" for one in found),
            )
        )
    head = ("layer", *(f"{n:,}, ms" for n in TOKENS), *(f"{n:,}, MB" for n in TOKENS))
    return "## Time and memory by the number of tokens\n\n" + table(head, rows)


PARTS = {"by hand": speed_by_hand, "peers": speed_of_peers, "memory": memory, "scaling": scaling}
OPENING = """# Benchmarks

Made by `python -m benchmarks.layers --output docs/benchmarks.md`: medians of alternating rounds in
one process; memory is what the peak lies above what was in use before the call, each measured in a
process of its own. Only ratios within one row mean something: the machine is {machine}.

- Layers: batch {batch}, {channels} channels, {side}x{side}, inference, float32. By hand is the same
  maths in the backend's own operations; both are compiled on JAX and TensorFlow, eager on torch.
- Why eager torch takes longer: each call of a Keras layer has a fixed price, and a sublayer is a
  call. For one image of 2x2 pixels `se`, `eca` and `cbam` took 0.32, 0.23 and 1.2 ms, by hand 0.02,
  0.02 and 0.17. Beside it, Keras's dense layers add the bias in a pass of their own, which torch's
  do not, and its batch normalisation is not fused (a profile of `attention_pool` has 16 % of its
  time in that addition). Compiled, on JAX and TensorFlow, nothing of this is left.
- Tokens: one image, 32 channels, one head. "Naive" builds the whole matrix of weights, as any call
  that asks for the scores does; "ours" is the default call.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the layers, as ratios.")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=list(PARTS))
    parser.add_argument("--output", type=pathlib.Path)
    given = parser.parse_args()
    from benchmarks import speed

    sizes = {"batch": speed.BATCH, "channels": speed.CHANNELS, "side": speed.SIDE}
    parts = [OPENING.format(machine=_machine(), **sizes)]
    for name in given.only:
        parts.append(PARTS[name]())
        print(parts[-1], flush=True)
    if given.output:
        given.output.write_text("\n".join(parts), encoding="utf-8")


def _machine() -> str:
    versions = f"Keras {keras.__version__}, Python {platform.python_version()}"
    model = "a CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores; {versions}"


if __name__ == "__main__":
    main()
