"""The model card of a published model, README.md of its repository."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from .. import index
from ..errors import UnknownModelError

CARD = """\
---
library_name: keras
{license}pipeline_tag: image-classification
tags:
- keras
- keras-attention
- image-classification
model_name: {name}
{results}---

# {name}

{architecture}, {what}, for images of {height}x{width} pixels. It was made with \
[keras_attention](https://pypi.org/project/keras-attention-zoo/): `models.build({architecture!r}, \
{arguments})`.

## Result

{measured}

Licence of the weights: {licence}.
"""

RESULTS = """\
model-index:
- name: {name}
  results:
  - task:
      type: image-classification
    dataset:
      name: {data}
      type: {data}
    metrics:
    - type: {metric}
      value: {score}
"""

READERS = """
## Load it

```python
import keras_attention as ka

model = ka.zoo.load("hf://{repo}")
```

Keras alone opens the same repository: `keras.saving.load_model("hf://{repo}")`, after
`import keras_attention`, which holds the layers' classes. So does KerasHub, where there is a
`task.json`: `keras_hub.models.ImageClassifier.from_preset("hf://{repo}")`. These two take what is
on the main branch and run what `config.json` says; the first reads data only and checks the hashes
of `keras_attention.json`.
"""


def of_entry(entry: index.ModelInfo, repo: str, folder: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """The card in `folder`, which a clone of the project has, and the facts for the manifest.

    Raises: UnknownModelError where the folder has no card.
    """
    try:
        card = (folder / "README.md").read_text("utf-8")
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    except OSError as error:
        raise UnknownModelError(
            f"{entry.name} has no card: publish it in a clone of the project, where zoo/ holds "
            f"them. Received: folder={str(folder)!r}"
        ) from error
    facts = {"metrics": metrics, "recipe": entry.recipe, "origin": dict(entry.origin or {})}
    return card + READERS.format(repo=repo), facts


def of_model(
    repo: str,
    architecture: str,
    arguments: Mapping[str, Any],
    metrics: Mapping[str, Any],
    licence: str | None,
) -> str:
    """The card of somebody's own model."""
    name, labels = repo.rpartition("/")[2], arguments.get("labels")
    classes = arguments["num_classes"]
    what = f"{classes} classes" if classes else "features without a classifier"
    if labels and len(labels) <= 20:
        what += f" ({', '.join(labels)})"
    shown = {key: arguments[key] for key in arguments if key not in ("labels", "mean", "std")}
    height, width = arguments["input_shape"][:2]
    fields = {"name": name, "data": "unknown", **metrics}
    has_score = {"metric", "score"} <= metrics.keys()
    measured = "\n".join(f"- {key}: {value}" for key, value in metrics.items())
    card = CARD.format(
        name=name,
        license=f"license: {licence.lower()}\n" if licence else "",
        results=RESULTS.format(**fields) if has_score else "",
        architecture=architecture,
        what=what,
        height=height or "any",
        width=width or "any",
        arguments=", ".join(f"{key}={value!r}" for key, value in shown.items()),
        measured=measured or "Nothing was reported.",
        licence=licence or "not stated",
    )
    return card + READERS.format(repo=repo)
