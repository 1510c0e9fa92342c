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

import keras
import numpy as np

from keras_attention import models, zoo
from tests.models.nets import without_memory
from tests.source import ROOT
from tests.torch_oracles.core import import_oracle
from tests.zoo import parity

DATA, PAGE = ROOT / "docs" / "parity.json", ROOT / "docs" / "parity.md"
BACKENDS = ("torch", "tensorflow", "jax")
# Where timm's own logits in float32 are that far from those in float64, the numbers show nothing.
UNSURE = parity.LIMIT / 10
# How much branches count, tried in this order until the numbers show something.
BRANCHES = (1.0, 0.5, 0.2, 1.25, 1.5)
OPENING = """# Parity with timm and pytorchcv

Made by `make parity`. Each network has random weights and random running statistics there (with
branches so strong that the images neither fade nor make timm's float32 differ from its float64 by
more than {unsure:g}), is saved as its library saves it, loaded here through `zoo.load` (pytorchcv's
through its rules), and both see the same two images, at a small size that each row names; the
source computes in float64. The error is the largest difference of the logits relative to the
largest logit; the limit is {limit:g}. A dash is not measured.

{count} architectures, worst error {worst:.1e}. AMD EPYC, 2 cores; Keras {keras}, timm {timm}.

"""


def measure(architecture: str) -> dict:
    """Parameters there and here, the size of the images, and the error."""
    for branch in BRANCHES:
        try:
            return _measure(architecture, branch=branch)
        except parity.Unfit as error:
            print(f"{error} (branch={branch})", end=" ", flush=True)
    raise parity.Unfit(f"No random weights of {architecture} show anything")


def _measure(architecture: str, **options) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        options.update(parity.small(architecture))
        source = parity.timm_folder(place, architecture, **options)
        size = parity.small_size(architecture, source)
        model = zoo.load(folder, input_shape=(*size, 3))
    with without_memory():  # at its own size, of which tables of positions have their sizes
        own = models.build(architecture, num_classes=source.num_classes)
    if parity.own_error(model, source, size) > UNSURE:
        raise parity.Unfit("timm's own float32 differs from its float64")
    return _row(model, own, source, size)


def _row(model, own, source, size) -> dict:
    theirs = sum(parameter.numel() for parameter in source.parameters())
    ours = sum(int(np.prod(weight.shape)) for weight in own.trainable_weights)
    return {
        "parameters": theirs,
        "equal": ours == theirs,
        "size": list(size),
        "error": parity.error(model, source, size),
    }


def measure_pytorchcv(name: str) -> dict:
    """Like `measure`, for a model whose weights pytorchcv publishes."""
    entry = zoo.info(name)
    model = models.build(entry.architecture, **{**entry.arguments, "input_shape": (64, 64, 3)})
    source = parity.pytorchcv_into(model, entry)
    return _row(model, model, source, (64, 64))


def page(data: dict) -> str:
    """docs/parity.md."""
    errors = [error for row in data.values() for error in row["errors"].values()]
    lines = ["| architecture | parameters | equal | size | " + " | ".join(BACKENDS) + " |"]
    lines.append("| --- " * (4 + len(BACKENDS)) + "|")
    for name, row in sorted(data.items()):
        cells = [f"{row['errors'][b]:.1e}" if b in row["errors"] else "-" for b in BACKENDS]
        equal = "yes" if row["equal"] else "NO"
        size = "x".join(map(str, row["size"]))
        lines.append(
            f"| `{name}` | {row['parameters']:,} | {equal} | {size} | {' | '.join(cells)} |"
        )
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
        error = found.pop("error")
        errors = {**data.get(name, {}).get("errors", {}), backend: float(f"{error:.2e}")}
        data[name] = {**found, "errors": errors}
        DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{error:.1e}, {time.monotonic() - started:.0f} s", flush=True)
        keras.utils.clear_session()
        gc.collect()
    PAGE.write_text(page(data), encoding="utf-8")


if __name__ == "__main__":
    main()
