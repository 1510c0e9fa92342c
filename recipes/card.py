"""The cards of published classifiers, from their config.json and metrics.json.

Run      python -m recipes.card
Writes   zoo/NAME/README.md of each, and the table of README.md; to be run after
         `recipes.evidence`, from which they have how far their data is from the original
"""

import json
import math
import pathlib
from collections.abc import Mapping

from keras_attention.layers import Spec
from keras_attention.models import factory
from keras_attention.zoo.publishing import cards

from . import evidence, provenance, recipe
from .data.facts import FACTS, Facts

ZOO = pathlib.Path(__file__).parents[1] / "zoo"

CARD = """\

# {name}

{architecture}, {attention_words}, {parameters:,} trainable parameters, {mmacs:.1f} M \
multiply-adds for an image of {side}x{side} pixels. It tells {count} classes apart: {labels}.

```python
import keras_attention as ka

model = ka.zoo.load("{name}")
ka.zoo.classify(model, "photo.jpg")
```

Set `KERAS_BACKEND` to `jax`, `tensorflow` or `torch` first. The model takes {channels} images \
in 0 to 255 and gives logits; normalisation is its first layer.

## Result

| | {metric} | seed | epochs | hours |
|---|---|---|---|---|
{rows}

What was scored: {split}. {comparison}

**Data**: {data}. Test set fingerprint `{data_fingerprint}`. Licence of the data: {data_licence}.\
{offset}

**How it was made**: `{command}` at commit `{commit}`, on {hardware}; {software}. {note}

**Check it**: `python -m recipes.evaluate {name}`

## Weights

`{file}`: {size:,} bytes, SHA-256 `{sha256}`. {stored} The run itself computed in {precision} and
scored {score_in_training_precision:.4f} that way. Licence of the weights: {licence}.

## Limits

{limits}

## References

{references}
"""

# By whether any weight was rounded.
STORED = {
    False: "All weights are float32 on disk.",
    True: "Weights of 65,536 numbers or more are float16 on disk, the rest float32; unrounded, the "
    "{metric} is the same, {score_unrounded:.4f}.",
}
LIMITS = (
    "Small images of {count} kinds of things: anything else gets one of these labels all the same."
)
MAPS = (
    "The attention maps are gates inside the network. They show what it multiplied, which need not "
    "be why it answered as it did."
)
WEIGHTS = (
    "The attention maps show where each token took from, which need not be why the model answered "
    "as it did."
)
# By the family of the network and by its attention.
REFERENCES = {
    "resnet": "He et al., Deep Residual Learning for Image Recognition, CVPR 2016, "
    "arXiv:1512.03385.",
    "preact": "He et al., Identity Mappings in Deep Residual Networks, ECCV 2016, "
    "arXiv:1603.05027.",
    "vit": "Hassani et al., Escaping the Big Data Paradigm with Compact Transformers, "
    "arXiv:2104.05704.",
    "se": "Hu et al., Squeeze-and-Excitation Networks, CVPR 2018, arXiv:1709.01507.",
    "eca": "Wang et al., ECA-Net: Efficient Channel Attention, CVPR 2020, arXiv:1910.03151.",
    "cbam": "Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018, arXiv:1807.06521.",
}


def render(name: str, folder: pathlib.Path) -> str:
    """The text of zoo/NAME/README.md, `folder` being zoo/."""
    config, metrics = _read(folder / name, "config"), _read(folder / name, "metrics")
    channels = config["arguments"]["input_shape"][-1]
    facts = FACTS[recipe.find(metrics["recipe"])().dataset]
    twin = metrics["twin"]
    rows = [_row(name, metrics)]
    if twin:
        rows.append(_row(twin, _read(folder / twin, "metrics")))
    title = metrics["data"].split(",")[0]
    top = cards.front_matter(
        name,
        metrics["licence"],
        attention=attention_key(config),
        datasets=[facts.hub] if facts.hub else [],
        metrics=[metrics["metric"]],
        result=cards.result_of(
            metrics["metric"], metrics["score"], name=title, type=facts.hub or title, split="test"
        ),
    )
    return top + CARD.format(
        **metrics,
        name=name,
        attention_words=_attention(config),
        architecture=_architecture(config),
        mmacs=metrics["gmacs"] * 1000,
        side=config["input_size"][0],
        count=len(config["labels"]),
        labels=", ".join(config["labels"]),
        rows="\n".join(rows),
        offset=_offset(facts),
        stored=STORED[metrics["rounded"]].format(**metrics),
        channels="grey" if channels == 1 else "RGB",
        comparison=_comparison(name, metrics, folder, facts),
        limits=_limits(config, facts),
        references="\n\n".join(_references(config)),
    )


def write(name: str, folder: pathlib.Path) -> None:
    """Write the card of one model."""
    (folder / name / "README.md").write_text(render(name, folder), encoding="utf-8")


def results(folder: pathlib.Path) -> str:
    """The table of all published classifiers that README.md shows."""
    lines = [
        "| model | test accuracy | parameters | multiply-adds | epochs, seed |",
        "|---|---|---|---|---|",
    ]
    for name in classifiers(folder):
        metrics = _read(folder / name, "metrics")
        lines.append(
            f"| `{name}` | {metrics['score']:.4f} | {metrics['parameters']:,} "
            f"| {metrics['gmacs'] * 1000:.1f} M | {metrics['epochs']}, {metrics['seed']} |"
        )
    note = f"CIFAR-10 is a copy stored as JPEG of quality 75.{_offset(FACTS['cifar10'])}"
    return "\n".join([*lines, "", note])


def classifiers(folder: pathlib.Path) -> list[str]:
    """The published classifiers that we trained; cards of others are in `origin_card`."""
    return [
        path.parent.name
        for path in sorted(folder.glob("*/metrics.json"))
        if "recipe" in _read(path.parent, "metrics")
        and _read(path.parent, "config")["task"] == "classification"
    ]


def main() -> None:
    for name in classifiers(ZOO):
        write(name, ZOO)
    write_results(ZOO.parent / "README.md", ZOO)


def write_results(readme: pathlib.Path, folder: pathlib.Path) -> None:
    """Put that table between the two marks of README.md."""
    text = readme.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    between = f"\n{results(folder)}\n"
    readme.write_text(f"{before}{MARKS[0]}{between}{MARKS[1]}{after}", encoding="utf-8")


MARKS = ("<!-- results -->", "<!-- /results -->")


def _row(name: str, metrics: dict) -> str:
    cells = (f"{metrics['score']:.4f}", metrics["seed"], metrics["epochs"], metrics["hours"])
    return f"| {name} | {' | '.join(map(str, cells))} |"


def _comparison(name: str, metrics: dict, folder: pathlib.Path, facts: Facts) -> str:
    if metrics["twin"] is None:
        others = (_read(folder / other, "metrics") for other in classifiers(folder))
        if any(other["twin"] == name for other in others):
            return "This is the control of the models with attention from the same recipe."
        return "No model with attention of the same recipe is published."
    error = 100 * math.sqrt(metrics["score"] * (1 - metrics["score"]) / facts.test_images)
    twin = _read(folder / metrics["twin"], "metrics")
    gain = 100 * (metrics["score"] - twin["score"])
    size = (
        f" The twin has {twin['parameters']:,} parameters, so its size may be a part of it."
        if twin["parameters"] < ALIKE * metrics["parameters"]
        else ""
    )
    verdict = (
        "One pair cannot tell chance from a gain of that size, so nothing is claimed."
        if abs(gain) < DEVIATIONS * 2**0.5 * error
        else "The difference is more than these images chosen by chance would give; how far other "
        "seeds would differ was not measured."
    )
    return (
        f"The difference to the twin without attention, same recipe and seed, is {gain:+.2f} "
        "points. It is one pair of runs, and the sampling error of one score alone is about "
        f"{error:.1f} points. {provenance.expected('recipes.' + metrics['recipe'])} {verdict}{size}"
    )


# Of the parameters, what share a twin must have to be of the same size.
ALIKE = 0.95
# So many standard errors of a difference may still be chance.
DEVIATIONS = 3


def _offset(facts: Facts) -> str:
    if facts.hub != "cifar10":
        return ""
    return " " + evidence.offset_told(_read(evidence.RESULTS.parent, evidence.RESULTS.stem))


def _architecture(config: dict) -> str:
    arguments = config["arguments"]
    told = {
        "stem": "a {} stem",
        "width": "{} channels in its first stage",
    }
    parts = [words.format(arguments[key]) for key, words in told.items() if key in arguments]
    return " with ".join(filter(None, [config["architecture"], " and ".join(parts)]))


def attention_key(config: dict) -> str:
    """The key of the attention that is given to a network or that it has of its own, or "none"."""
    own = factory.arguments_of(config["architecture"]).get("attention")
    return key_of(config["arguments"]["attention"] or own)


def key_of(attention: Spec | None) -> str:
    """The key of a layer by its spec, and "none" for None."""
    return attention["type"] if isinstance(attention, Mapping) else attention or "none"


def _attention(config: dict) -> str:
    key = attention_key(config)
    plain = "no attention"
    if factory.family_of(config["architecture"]) == "vit":
        plain += " but that of its pooling"
    words = {"none": plain, "mhsa": "self-attention in every block"}
    return words.get(key, f"{key.upper()} in every block")


def _limits(config: dict, facts: Facts) -> str:
    count = len(config["labels"])
    maps = {"none": "", "mhsa": WEIGHTS}.get(attention_key(config), MAPS)
    return " ".join(filter(None, [LIMITS.format(count=count), facts.limits, maps]))


def _references(config: dict) -> list[str]:
    keys = (factory.family_of(config["architecture"]), attention_key(config))
    return [REFERENCES[key] for key in keys if key in REFERENCES]


def _read(folder: pathlib.Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


if __name__ == "__main__":
    main()
