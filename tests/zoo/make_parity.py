"""Logits of every architecture with random weights, there and here: `make parity`.

Run      KERAS_BACKEND=torch python -m tests.zoo.make_parity [--only PATTERN] [--most PARAMETERS]
Writes   the errors of the present backend into docs/parity.json, and docs/parity.md from it
"""

import argparse
import fnmatch
import gc
import json
import pathlib
import tempfile
import time
from typing import NamedTuple

import keras
import numpy as np

from keras_attention import models, zoo
from tests.models.nets import outputs, without_memory
from tests.source import ROOT
from tests.torch_oracles.core import import_oracle
from tests.zoo import parity

DATA, PAGE = ROOT / "docs" / "parity.json", ROOT / "docs" / "parity.md"
BACKENDS = ("torch", "tensorflow", "jax")
BATCH = 2
# Where timm's own logits in float32 are that far from those in float64, the numbers show nothing.
UNSURE = parity.LIMIT / 10
# How much branches count, tried in this order until the numbers show something.
BRANCHES = (1.0, 0.5, 0.2, 1.25, 1.5)
OPENING = """# Parity with timm and pytorchcv

Made by `make parity`. Each network has random weights and random running statistics there (with
branches so strong that the images neither fade nor make timm's float32 differ from its float64 by
more than {unsure:g}), is saved as its library saves it, loaded here through `zoo.load` (pytorchcv's
through its rules), and both see the same two images at each of two sizes; the source computes in
float64. The error is the largest difference of the logits relative to the largest logit, one for
each size; the limit is {limit:g}. A dash is not measured.

{count} architectures, worst error {worst:.1e}. AMD EPYC, 2 cores; Keras {keras}, timm {timm}.

"""


def measure(architecture: str) -> dict:
    """Parameters there, whether ours are as many, and the error by size of the images."""
    for branch in BRANCHES:
        try:
            return _measure(architecture, branch)
        except parity.Unfit as error:
            print(f"{error} (branch={branch})", end=" ", flush=True)
    raise parity.Unfit(f"No random weights of {architecture} show anything")


def _measure(architecture: str, branch: float) -> dict:
    errors: dict[str, float] = {}
    first = None
    for options, sizes in parity.cases(architecture):
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            made = _expected(place, architecture, sizes, branch=branch, **options)
            first = first or made
            for size, expected in made.logits.items():
                model = zoo.load(folder, input_shape=(*size, 3))
                found = outputs(model, parity.pictures(BATCH, size))
                errors[_key(size)] = parity.compare(found, expected)
    with without_memory():  # at its own size, of which tables of positions have their sizes
        own = models.build(architecture, num_classes=first.classes)
    equal = first.parameters == _parameters(own)
    return {"parameters": first.parameters, "equal": equal, "errors": errors}


class Expected(NamedTuple):
    """What a source has and makes of the images of each size."""

    logits: dict[tuple[int, int], np.ndarray]
    parameters: int
    classes: int


def _expected(folder: pathlib.Path, architecture: str, sizes, **options) -> Expected:
    """Those of timm's model, which leaves its files behind but no memory taken."""
    source = parity.timm_folder(folder, architecture, **options)
    given = [np.array(source.pretrained_cfg[name]) for name in ("mean", "std")]
    found = {}
    for size in sizes:
        at = parity.at_size(folder, architecture, source, size)
        pictures = parity.pictures(BATCH, size)
        single = parity.logits(at, pictures, *given)
        found[size] = parity.logits(at.double(), pictures, *given)
        at.float()
        if np.abs(single - found[size]).max() > UNSURE * np.abs(found[size]).max():
            raise parity.Unfit("timm's own float32 differs from its float64")
    return Expected(found, sum(p.numel() for p in source.parameters()), source.num_classes)


def _parameters(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def _key(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))


def measure_pytorchcv(name: str) -> dict:
    """Like `measure`, for a model whose weights pytorchcv publishes."""
    entry, errors = zoo.info(name), {}
    for size in [(64, 64), (64, 96)]:
        model = models.build(entry.architecture, **{**entry.arguments, "input_shape": (*size, 3)})
        source = parity.pytorchcv_into(model, entry)
        errors[_key(size)] = parity.error(model, source, size)
    theirs = sum(parameter.numel() for parameter in source.parameters())
    return {"parameters": theirs, "equal": theirs == _parameters(model), "errors": errors}


def page(data: dict) -> str:
    """docs/parity.md."""
    errors = [e for row in data.values() for by in row["errors"].values() for e in by.values()]
    lines = ["| architecture | parameters | equal | sizes | " + " | ".join(BACKENDS) + " |"]
    lines.append("| --- " * (4 + len(BACKENDS)) + "|")
    for name, row in sorted(data.items()):
        sizes = list(next(iter(row["errors"].values())))
        cells = [f"`{name}`", f"{row['parameters']:,}", "yes" if row["equal"] else "NO"]
        cells.append(", ".join(sizes))
        for backend in BACKENDS:
            by = row["errors"].get(backend, {})
            cells.append(", ".join(f"{by[size]:.1e}" for size in sizes) if by else "-")
        lines.append(f"| {' | '.join(cells)} |")
    opening = OPENING.format(
        limit=parity.LIMIT,
        unsure=UNSURE,
        count=len(data),
        worst=max(errors),
        keras=keras.__version__,
        timm=import_oracle("timm").__version__,
    )
    return opening + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="names with wildcards")
    parser.add_argument("--most", type=float, default=1e12, help="largest number of parameters")
    parser.add_argument("--again", action="store_true", help="measure also what is on the page")
    given = parser.parse_args()
    data = json.loads(DATA.read_text("utf-8")) if DATA.exists() else {}
    backend = keras.backend.backend()
    entries = [zoo.info(name) for name in zoo.list_models()]
    known = {entry.architecture: entry for entry in entries if entry.source == "timm"}
    own = {entry.name: entry for entry in entries if entry.source == "pytorchcv"}
    for name, entry in sorted({**known, **own}.items(), key=lambda item: item[1].parameters):
        done = backend in data.get(name, {}).get("errors", {})
        if entry.parameters > given.most or not fnmatch.fnmatchcase(name, given.only):
            continue
        if done and not given.again:
            continue
        started = time.monotonic()
        print(name, end=": ", flush=True)
        found = measure_pytorchcv(name) if name in own else measure(name)
        errors = {size: float(f"{error:.2e}") for size, error in found["errors"].items()}
        known_errors = data.get(name, {}).get("errors", {})
        data[name] = {**found, "errors": {**known_errors, backend: errors}}
        DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{errors}, {time.monotonic() - started:.0f} s", flush=True)
        keras.utils.clear_session()
        gc.collect()
    PAGE.write_text(page(data), encoding="utf-8")


if __name__ == "__main__":
    main()
