"""Folders in zoo/ for models whose weights others trained: `python -m recipes.origin_card`.

Writes config.json, metrics.json and the card of each name below from the index and from
docs/parity.json, which `make parity` writes.
"""

import dataclasses
import json
import pathlib

from keras_attention import zoo
from keras_attention.zoo.publishing import cards

ROOT = pathlib.Path(__file__).resolve().parent.parent
PARITY = ROOT / "docs" / "parity.json"

# The two that users asked for, and a flagship of each family.
NAMES = (
    "resnet50_cbam",
    "resnet50_bam",
    "timm/seresnet50.ra2_in1k",
    "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "timm/swin_tiny_patch4_window7_224.ms_in1k",
    "timm/halonet50ts.a1h_in1k",
)

CARD = """\

# {name}

{architecture} with {parameters:,} trainable parameters; attention: {attention}. It tells the 1000 \
classes of ImageNet-1k apart in images of {side}x{side} pixels.

```python
import keras_attention as ka

model = ka.zoo.load("{name}")
ka.zoo.classify(model, "photo.jpg")
```

Set `KERAS_BACKEND` to `jax`, `tensorflow` or `torch` first. The model takes RGB in 0 to 255 and
gives logits; normalisation is its first layer, and `ka.zoo.preprocess(model, image)` resizes by
{interpolation} interpolation and keeps the middle {crop:g} of the shorter side, as its source does.

## Origin

{origin}

## Result

Reported by its source: {metric} {score:.3f}{source_note}. Not re-evaluated here on ImageNet.

What was measured here is that the conversion is right: a network of this architecture with random
weights gives the same logits there and here. Largest difference, relative to the largest logit:
{parity}. Limit 1e-4.

Licence of the weights, as stated by the source: {licence}. It says nothing of the images:
ImageNet's terms allow research and education, not commercial use.

## Limits

A thousand classes of everyday things, animals above all: anything else gets one of these labels
all the same. Attention maps show what the network multiplied, which need not be why it answered as
it did.
"""

PYTORCHCV = """\
Trained by the author of pytorchcv, who has not stated on which terms or with which recipe; the
project is under the MIT licence. The file `{member}` (SHA-1 `{sha1}`) of {url} is fetched at the
first `load`, checked, converted once (torch >= 2.10 must be installed for that) and kept as
safetensors; later loads need no torch and no network."""

TIMM = """\
The checkpoint `{name}` of timm on the Hugging Face Hub, fetched at the first `load`, checked
against the hashes that the Hub names, and converted in memory, without torch."""


def render(name: str) -> str:
    """The card of one model."""
    entry = zoo.info(name)
    origin = TIMM.format(name=name)
    if entry.origin:
        origin = PYTORCHCV.format(**entry.origin)
    fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    metric = (entry.metric or "no score").replace("top-1", "top-1 share")
    top = cards.front_matter(
        name, entry.licence, attention=entry.attention, datasets=["imagenet-1k"]
    )
    return top + CARD.format(
        **{**fields, "origin": origin, "metric": metric},
        side=entry.input_size[0],
        crop=entry.arguments.get("crop", 1.0),
        interpolation=entry.arguments.get("interpolation", "bicubic"),
        source_note=" (one run, images of that size)",
        parity=parity(name),
    )


def parity(name: str) -> str:
    """The measured differences on each backend, in words."""
    found = json.loads(PARITY.read_text("utf-8"))[_row(name)]["errors"]
    told = [f"{max(errors.values()):.1e} on {backend}" for backend, errors in found.items()]
    sizes = " and ".join(next(iter(found.values())))
    return f"{', '.join(told)}, the larger of images of {sizes} pixels"


def _row(name: str) -> str:
    return name.removeprefix("timm/").partition(".")[0] if name.startswith("timm/") else name


def config(name: str) -> dict:
    """What config.json holds: how to build the model, and what goes in."""
    entry = zoo.info(name)
    return {
        "task": entry.task,
        "architecture": entry.architecture,
        "arguments": dict(entry.arguments),
        "input_size": list(entry.input_size),
        "input_range": [0, 255],
        "labels": "ImageNet-1k",
    }


def metrics(name: str) -> dict:
    """What metrics.json holds: what the source reports, and what was measured here."""
    entry = zoo.info(name)
    return {
        "metric": entry.metric,
        "score": entry.score,
        "score_is": "reported by the source, not re-evaluated here",
        "parameters": entry.parameters,
        "licence": entry.licence,
        "source": entry.source,
        "origin": entry.origin,
        "parity": json.loads(PARITY.read_text("utf-8"))[_row(name)],
    }


def folder(name: str) -> pathlib.Path:
    """Where a model's card is."""
    return ROOT / "zoo" / name.removeprefix("timm/")


def main() -> None:
    for name in NAMES:
        place = folder(name)
        place.mkdir(parents=True, exist_ok=True)
        for file, content in {"config": config(name), "metrics": metrics(name)}.items():
            text = json.dumps(content, indent=1) + "\n"
            (place / f"{file}.json").write_text(text, encoding="utf-8")
        (place / "README.md").write_text(render(name), encoding="utf-8")
        print(place.relative_to(ROOT))


if __name__ == "__main__":
    main()
