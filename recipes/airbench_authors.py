"""What the authors' own code reaches with our images: a reference for `cifar10_airbench`.

Run      python -m recipes.airbench_authors airbench94.py --seed 0
Reads    legacy/airbench94.py of github.com/KellerJordan/cifar10-airbench at commit f1c599c, of
         which we hold the hash and no copy, and the CIFAR-10 that the recipes train on
Writes   runs/airbench_authors/seedN/result.json
Cost     0.7 hours of one core of an AMD EPYC; needs PyTorch, whatever Keras's backend is
Expect   written before the first run: cifar10_airbench within 0.5 points of it, on the same images
Differs  from how its authors run it: on a CPU, with float32 weights and bfloat16 in place of
         float16. Not a line of theirs is changed
"""

import argparse
import contextlib
import hashlib
import json
import pathlib
import platform
import sys
import time
import types
from unittest import mock

import numpy as np

from . import data
from .engine import progress, run

SHA256 = "0b155e0ff0e696bc01ae136654ddae88a24cd053cd2b4313d44548c29ed6c91d"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipes.airbench_authors", description=__doc__)
    parser.add_argument("file", type=pathlib.Path, help="their legacy/airbench94.py")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        theirs = options.file.read_bytes()
    except OSError as error:
        print(f"airbench_authors: {error}", file=sys.stderr)
        return 2
    if (sha := hashlib.sha256(theirs).hexdigest()) != SHA256:
        print(
            f"airbench_authors: {options.file} must be the file of commit f1c599c, whose SHA-256 "
            f"is {SHA256}. Received: {sha}",
            file=sys.stderr,
        )
        return 2
    try:
        _torch()
        found = data.load("cifar10", ("train", "test"))
    except (ImportError, ValueError, FileNotFoundError) as error:
        print(f"airbench_authors: {error}", file=sys.stderr)
        return 2
    started = time.perf_counter()
    accuracy = trained(theirs, found.splits, options.seed)
    output = pathlib.Path("runs", "airbench_authors", f"seed{options.seed}")
    output.mkdir(parents=True, exist_ok=True)
    result = {
        "accuracy": accuracy,
        "seed": options.seed,
        "hours": round((time.perf_counter() - started) / 3600, 3),
        "dataset": found.title,
        "test_fingerprint": found.splits["test"].fingerprint(),
        "recipe": {"sha256": SHA256},
        "command": f"python -m recipes.airbench_authors airbench94.py --seed {options.seed}",
        "commit": run.commit(),
        "hardware": run.hardware(),
        "software": f"torch {_torch().__version__}, python {platform.python_version()}",
    }
    progress.write(output / "result.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def trained(theirs: bytes, splits, seed: int) -> float:
    """The accuracy with six test views after one run of their `main`."""
    module = types.ModuleType("airbench94")
    with _on_a_cpu():
        # Bytes whose hash was checked; a path might have changed since.
        exec(compile(theirs, "airbench94.py", "exec"), module.__dict__)  # noqa: S102
        module.torch = _torch_of_a_cpu(splits)
        # Their loader asks whether the images were stored before; these always are.
        module.os = types.SimpleNamespace(
            path=types.SimpleNamespace(join=lambda *parts: parts[-1], exists=lambda _: True)
        )
        module.torch.manual_seed(seed)
        return module.main(0)


def _torch_of_a_cpu(splits) -> types.SimpleNamespace:
    """What their file calls torch: stored images are ours, and nothing is on a GPU."""
    torch = _torch()

    def load(path, map_location):
        split = splits[path.removesuffix(".pt")]
        labels = torch.tensor(np.asarray(split.labels)).long()
        return {"images": torch.tensor(np.asarray(split.images)), "labels": labels, "classes": None}

    clock = mock.Mock(return_value=mock.Mock(elapsed_time=lambda _: 0.0))
    cuda = types.SimpleNamespace(Event=clock, synchronize=lambda: None)
    own = {"load": load, "device": lambda _: "cpu", "cuda": cuda}
    return types.SimpleNamespace(**{**vars(torch), **own})


@contextlib.contextmanager
def _on_a_cpu():
    """Networks stay where they are, and calculate in bfloat16."""
    torch = _torch()
    transforms = types.ModuleType("torchvision.transforms")
    transforms.Normalize = _normalize  # type: ignore[attr-defined]
    torchvision = types.ModuleType("torchvision")
    torchvision.transforms = transforms  # type: ignore[attr-defined]
    call = torch.nn.Module.__call__

    def in_bfloat16(module, *inputs):
        with torch.autocast("cpu", torch.bfloat16):
            found = call(module, *inputs)
        # Of the whole network: what its parts pass on stays as it is.
        return found.float() if isinstance(module, torch.nn.Sequential) else found

    modules = {"torchvision": torchvision, "torchvision.transforms": transforms}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(sys.modules, modules))
        for owner, name, new in (
            (torch.Tensor, "half", torch.Tensor.float),
            (torch.nn.Module, "half", torch.nn.Module.float),
            (torch.nn.Module, "cuda", lambda module: module),
            (torch.nn.Module, "__call__", in_bfloat16),
        ):
            stack.enter_context(mock.patch.object(owner, name, new))
        yield


def _normalize(mean, std):
    return lambda images: (images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def _torch():
    import torch

    return torch


if __name__ == "__main__":
    sys.exit(main())
