"""The card of a published generator, from its config.json and metrics.json alone."""

import json
import pathlib

from keras_attention.models import sagan
from keras_attention.zoo.kinds.generators import GENERATES
from keras_attention.zoo.publishing import cards

from ..data.facts import FACTS
from .recipe import find

GRID, ATTENTION = "grid.png", "attention.png"
BEFORE = "train with `python -m recipes.gan`, judge with `python -m recipes.gan.evaluate`"

CARD = """\

# {name}

{architecture} of width {width}, {attention_words}, {parameters:,} trainable parameters, \
{mmacs:.1f} M multiply-adds for a picture of {side}x{side} pixels. {classes}

![samples]({grid})

Samples of one seed, none left out, a class in each column.

```python
import keras_attention as ka

model = ka.zoo.load("{name}")
pictures = ka.models.sample(model, {sampled}, seed=0)
```

They are uint8, (pictures, height, width, channels).

Set `KERAS_BACKEND` to `jax`, `tensorflow` or `torch` first. From a shell:
`keras-attention sample {name} --grid 4x8 --out grid.png`. The same seed gives the same pictures,
up to rounding.
{attention_figure}
## Result

{results}

FD is the Frechet distance between the features of {count:,} samples and of as many training images
in the named net. It is no FID, which is one net's: compare it with the rows of this table alone.

{scored}

{variety}

**Data**: {data}. Licence of the data: {data_licence}.

**How it was made**: `{command}` at commit `{commit}`, seed {seed}, {steps:,} steps, {hours} hours \
on {hardware}; {software}. {note}

## Weights

`{file}`: {size:,} bytes, SHA-256 `{sha256}`, float32: the average over the steps of training, in \
{precision}. Licence of the weights: {licence}.

## Limits

A small network after a short training: many samples are no sound pictures. It makes what its data
shows, with the data's gaps. What the maps show is where values were mixed from, which need not be
why a picture came out as it did.

## Reference

Zhang et al., Self-Attention Generative Adversarial Networks, ICML 2019, arXiv:1805.08318.
"""

FIGURE = f"""
![what three pixels attend to]({ATTENTION})

A sample with three pixels marked, and what each of them attends to:
`ka.explain.query_figure`.
"""


def render(name: str, folder: pathlib.Path) -> str:
    """The text of zoo/NAME/README.md, `folder` being zoo/."""
    config, metrics = (
        json.loads((folder / name / f"{part}.json").read_text("utf-8"))
        for part in ("config", "metrics")
    )
    arguments, labels, judged = config["arguments"], config["labels"], metrics["judged"]
    attention, title = arguments["attention"], metrics["data"].split(",")[0]
    facts = FACTS[find(metrics["recipe"])(None).dataset]
    top = cards.front_matter(
        name,
        metrics["licence"],
        GENERATES,
        attention=attention or "none",
        datasets=[facts.hub] if facts.hub else [],
        metrics=[metrics["metric"]],
        result=cards.result_of(
            metrics["metric"], metrics["score"], GENERATES, name=title, type=facts.hub or title
        ),
    )
    return top + CARD.format(
        **metrics,
        name=name,
        architecture=config["architecture"],
        width=arguments["width"],
        attention_words=_attention(config),
        mmacs=metrics["gmacs"] * 1000,
        side=config["input_size"][0],
        classes=f"It knows {len(labels)} classes: {', '.join(labels)}." if labels else "",
        sampled=json.dumps(labels[:2]) if labels else 8,
        grid=GRID,
        attention_figure=FIGURE if attention else "",
        results=table(judged),
        count=judged["count"],
        scored=accuracy(judged),
        variety=variety(judged),
    )


def _attention(config: dict) -> str:
    attention, at = (config["arguments"][key] for key in ("attention", "attention_at"))
    usual = sagan.VARIANTS[config["architecture"]].attention_at
    return f"`{attention}` at {at or usual} pixels a side" if attention else "no attention (SNGAN)"


def table(judged: dict) -> str:
    """A row for the generator and one for each floor, two columns for each net."""
    nets = judged["nets"]
    lines = [
        "| | " + " | ".join(f"FD-{net} | KD-{net}" for net in nets) + " |",
        "|---|" + "---|" * (2 * len(nets)),
    ]
    own = [{what: net[what]["value"] for what in ("frechet", "kernel")} for net in nets.values()]
    rows = {"**this generator**": own}
    for name in next(iter(nets.values()))["floors"]:
        rows[name] = [net["floors"][name] for net in nets.values()]
    for name, scores in rows.items():
        cells = [f"{score['frechet']:.3f} | {score['kernel']:.4f}" for score in scores]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def accuracy(judged: dict) -> str:
    """What a classifier learns from samples, beside what it learns from real images."""
    made = judged["classifier"]
    if not made:
        return ""
    return (
        f"A classifier trained on {made['images']:,} samples gets {100 * made['generated']:.1f} % "
        f"of the real test images right; trained on as many real images, {100 * made['real']:.1f} "
        f"%: {100 * made['share']:.1f} % of it ({made['name']})."
    )


def variety(judged: dict) -> str:
    """Precision and recall, with what noise gets for the first."""
    told = [
        f"{net['neighbours']['precision']:.2f} and {net['neighbours']['recall']:.2f} in {name} "
        f"(precision of noise: {net['neighbours_of_noise']['precision']:.2f})"
        for name, net in judged["nets"].items()
    ]
    return (
        f"Precision and recall: {'; '.join(told)}. A low recall says that much of the data's "
        "variety is missing."
    )


def write(name: str, folder: pathlib.Path) -> None:
    """Write the card of one generator."""
    (folder / name / "README.md").write_text(render(name, folder), encoding="utf-8")
