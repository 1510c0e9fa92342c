"""Writes what of timm's models can be loaded, `keras_attention/zoo/timm.json`.

Run      KERAS_BACKEND=torch python -m tests.zoo.make_index results-imagenet.csv
Needs    timm, and the file of that name in the folder `results` of timm's repository
"""

import csv
import functools
import json
import pathlib
import sys
from collections.abc import Iterator

from keras_attention import models
from keras_attention.layers import registry
from keras_attention.models import factory
from keras_attention.zoo import index
from tests.torch_oracles.core import import_oracle

LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
UNSTATED = "not stated"


def entries(results: pathlib.Path) -> dict[str, dict]:
    """The fields of each model by its name."""
    timm = import_oracle("timm")
    scores = _scores(results)
    found = {}
    for tagged in timm.list_pretrained():
        architecture, _, tag = tagged.partition(".")
        if not tag or architecture not in models.list_architectures():
            continue
        config = timm.models.get_pretrained_cfg(tagged)
        if not config.hf_hub_id:
            continue
        size = tuple(config.input_size[1:])
        found[f"timm/{tagged}"] = {
            "task": "classification" if config.num_classes else "features",
            "architecture": architecture,
            "family": factory.family_of(architecture),
            "attention": attention_of(architecture),
            "parameters": parameters_of(architecture, config.num_classes),
            "input_size": size,
            "licence": LICENCES.get(config.license or "", config.license or UNSTATED),
            "metric": "ImageNet top-1" if (tagged, size[0]) in scores else None,
            "score": scores.get((tagged, size[0])),
            "data": tag,
            "arguments": arguments_of(config),
        }
        if config.num_classes == 1000 and tag.endswith("in1k"):
            found[f"timm/{tagged}"]["labels"] = "imagenet"
    return found


def _scores(path: pathlib.Path) -> dict[tuple[str, int], float]:
    """The share of images that a model gets right, by name and size."""
    with path.open(encoding="utf-8") as file:
        return {
            (row["model"], int(row["img_size"])): round(float(row["top1"]) / 100, 5)
            for row in csv.DictReader(file)
        }


def arguments_of(config) -> dict:
    """The arguments of `models.build`, but for what is its default."""
    given = {
        "num_classes": config.num_classes,
        "mean": list(config.mean),
        "std": list(config.std),
        "crop": config.crop_pct,
        "interpolation": config.interpolation,
    }
    usual = {"num_classes": 1000, "mean": list(factory.MEAN), "std": list(factory.STD)}
    return {name: value for name, value in given.items() if usual.get(name) != value}


@functools.cache
def parameters_of(architecture: str, classes: int) -> int:
    """How many trainable numbers timm's model has, built without memory."""
    torch, timm = import_oracle("torch"), import_oracle("timm")
    with torch.device("meta"):
        source = timm.create_model(architecture, num_classes=classes)
    return sum(parameter.numel() for parameter in source.parameters())


def attention_of(architecture: str) -> str:
    """The keys of the attention layers that our variant names, joined."""
    return "+".join(sorted(set(_keys(factory.arguments_of(architecture))))) or "none"


def _keys(value) -> Iterator[str]:
    if isinstance(value, str) and value in registry.ATTENTION:
        yield value
    for one in value.values() if isinstance(value, dict) else ():
        yield from _keys(one)
    for one in value if isinstance(value, list | tuple) else ():
        yield from _keys(one)


def main(results: str) -> None:
    lines = [
        f"{json.dumps(name)}: {json.dumps(fields)}"
        for name, fields in sorted(entries(pathlib.Path(results)).items())
    ]
    index.TIMM.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(lines)} models in {index.TIMM}")


if __name__ == "__main__":
    main(sys.argv[1])
