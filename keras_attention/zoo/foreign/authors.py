"""ResNets with CBAM or BAM in a torch file that their authors' code wrote."""

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ... import models
from .. import index
from ..changes import Changes
from ..convert import authors, rules
from ..errors import ConversionError
from ..kinds import classifiers
from . import building
from .torch_file import read_pth

SUFFIXES = (".pth", ".pth.tar")
# Blocks of each stage, and whether they are bottlenecks.
ARCHITECTURES = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
}
BLOCK = re.compile(r"layer([1-4])\.(\d+)\.")


def is_file(path: pathlib.Path) -> bool:
    """Whether a path is a file that torch may have written."""
    return path.name.endswith(SUFFIXES) and path.is_file()


def load(path: pathlib.Path, changes: Changes) -> keras.Model:
    """The model in a file of the authors' training, with these changes.

    torch reads it and executes nothing that it may hold.
    Raises: ConversionError without torch >= 2.10, for another content or another network.
    """
    state = read_pth(path.read_bytes(), str(path))
    state = {name.removeprefix("module."): array for name, array in state.items()}
    architecture, arguments = describe(state, str(path))
    model = models.build(architecture, **changes.applied_to(arguments))
    if not changes.weights:
        return model
    new = building.fresh(architecture, arguments["attention"], changes.attention)
    new |= building.new_heads(changes, arguments)
    part = changes.features_only or changes.attention is not None
    shapes = {name: array.shape for name, array in state.items()}
    table = authors.resnet(arguments)
    steps = building.plan(model, shapes, table, str(path), new, part)
    weights = {weight.path: weight for weight in model.weights}
    for target, array in rules.apply(steps, state.__getitem__):
        if not np.isfinite(array).all():
            raise ConversionError(f"{path} holds values that are not finite for {target!r}")
        weights[target].assign(array)
    building.mention(model, architecture, new)
    return model


def describe(state: Mapping[str, np.ndarray], source: str) -> tuple[str, dict[str, Any]]:
    """The architecture and the arguments of `models.build`, as the tensors' names tell them."""
    blocks = {match.groups() for name in state if (match := BLOCK.match(name))}
    depths = tuple(sum(stage == str(number) for stage, _ in blocks) for number in (1, 2, 3, 4))
    key = (depths, "layer1.0.conv3.weight" in state)
    classes = state["fc.bias"].size if "fc.bias" in state else 0
    if key not in ARCHITECTURES or not classes:
        raise ConversionError(
            f"{source} is no ResNet of the authors' code. Expected blocks {[*ARCHITECTURES]} and a "
            f"classifier 'fc'. Received: {depths} of {len(state)} tensors, {sorted(state)[:4]}, ..."
        )
    imagenet = classes == len(index.imagenet_labels())
    return ARCHITECTURES[key], {
        "attention": "cbam" if any(".cbam." in name for name in state) else None,
        "between": {"type": "bam", "combine": "product"} if _has_bam(state) else None,
        "num_classes": classes,
        "input_shape": classifiers.shape_of((224, 224)),
        "crop": 0.875,
        "interpolation": "bilinear",
        "labels": index.imagenet_labels() if imagenet else None,
    }


def _has_bam(state: Mapping[str, np.ndarray]) -> bool:
    return any(name.startswith("bam1.") for name in state)
