"""Score a published model on its test set: `python -m recipes.evaluate NAME`.

The last line is one JSON object with name, metric, value and recorded; the exit code is 1 if the
two differ by more than 1e-3.
"""

import argparse
import json
import sys

import keras

from keras_attention import zoo

from . import data, recipe
from .engine import score

# How far a score may lie from the recorded one: another backend rounds differently.
TOLERANCE = 1e-3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipes.evaluate", description=__doc__)
    names = zoo.list_models(source="wheel", task="classification")
    parser.add_argument("name", help=f"one of: {', '.join(names)}")
    name = parser.parse_args(arguments).name
    try:
        entry = zoo.info(name)
        if name not in names:
            raise ValueError(f"only {', '.join(names)} are scored here. Received: name={name!r}")
        chosen = recipe.find(entry.recipe)()
        split = data.load(chosen.dataset, ("test",)).splits["test"]
    except (ValueError, FileNotFoundError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    result = evaluate(entry, split, chosen.test_crop)
    print(json.dumps(result))
    return 0 if abs(result["value"] - result["recorded"]) <= TOLERANCE else 1


def evaluate(entry: zoo.ModelInfo, split: data.Split | data.Stream, share: float = 1.0) -> dict:
    """The score of a published model beside the recorded one."""
    right = score.accuracy(zoo.load(entry.name), split, entry.input_size[0], share=share)
    return {
        "name": entry.name,
        "metric": entry.metric,
        "value": round(right, 6),
        "recorded": entry.score,
        "images": len(split),
        "data": split.fingerprint(),
        "backend": keras.backend.backend(),
    }


if __name__ == "__main__":
    sys.exit(main())
