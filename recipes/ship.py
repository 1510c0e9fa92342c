"""Turn a finished run into a published model: `python -m recipes.ship RUN_FOLDER NAME`.

Writes the weights into the package, a line into its index.json, and zoo/NAME/ with config.json,
metrics.json and the card. Torch, which counts the multiply-adds, must be installed.
"""

import argparse
import hashlib
import json
import math
import os
import pathlib
import sys

import keras
import numpy as np

import keras_attention as ka
from keras_attention.zoo import index, loading
from keras_attention.zoo.files import weights

from . import card, data, provenance, recipe
from .data.facts import FACTS
from .engine import controls, macs, score

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARDS = ROOT / "zoo"

# In files above that many bytes the weights of so many numbers or more are rounded to float16. They
# are most of a file; rounding small ones too, norms and first layers among them, moved single
# answers, as did any rounding in the smallest nets.
ROUNDED_ABOVE = 2_000_000
HALF_FROM = 65_536


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipes.ship", description=__doc__)
    parser.add_argument("run", type=pathlib.Path, help="folder that recipes.train wrote")
    parser.add_argument("name", help="the name to publish under")
    parser.add_argument("--twin", help="the published model that differs by the attention only")
    parser.add_argument("--note", default="", help="a sentence on how the run was done")
    options = parser.parse_args(arguments)
    if not (options.run / "result.json").is_file():
        print(f"ship: no finished run of recipes.train. Received: {options.run}", file=sys.stderr)
        return 2
    result = json.loads((options.run / "result.json").read_text("utf-8"))
    chosen = recipe.Recipe(**result["recipe"])
    dataset = data.load(chosen.dataset, ("test",))
    test = dataset.splits["test"]
    if test.fingerprint() != result["test_fingerprint"]:
        raise SystemExit("The test set is not the one that the run was scored on")
    config, size = configuration(chosen, dataset.names), chosen.sizes[-1][1]
    attention = card.attention_key(config)
    written = write_weights(options.run / "weights.safetensors", options.name)
    model = ka.models.build(config["architecture"], labels=dataset.names, **config["arguments"])
    measured = {
        "parameters": controls.parameters(model),
        "gmacs": round((macs.of_recipe(chosen, len(dataset.names)) or 0) / 1e9, 5),
    }
    folder = CARDS / options.name
    folder.mkdir(parents=True, exist_ok=True)
    metrics = {**report(result, options), **measured, **written, "score": None}
    write_index(options.name, attention, config, metrics)
    share = chosen.test_crop
    found = score.accuracy(loading.load(options.name), test, size, share=share)
    metrics["score"] = round(found, 4)
    assign_file(model, options.run / "weights.safetensors")
    metrics["score_unrounded"] = round(score.accuracy(model, test, size, share=share), 4)
    if metrics["score_unrounded"] != metrics["score"]:
        raise SystemExit(f"Rounding the weights changes the score: {metrics}")
    write_index(options.name, attention, config, metrics)
    write_json(folder / "config.json", config)
    write_json(folder / "metrics.json", metrics)
    card.write(options.name, CARDS)
    card.write_results(ROOT / "README.md", CARDS)
    print(f"{options.name}: {metrics['score']}; {result['accuracy']} in the run's own precision")
    return 0


def configuration(chosen: recipe.Recipe, labels: tuple[str, ...]) -> dict:
    """What config.json holds: how to build the model, and what goes in and out of it."""
    size = chosen.sizes[-1][1]
    return {
        "task": "classification",
        "architecture": chosen.model,
        "arguments": {
            "attention": chosen.attention,
            "num_classes": len(labels),
            "input_shape": [size, size, len(chosen.mean)],
            "mean": chosen.mean,
            "std": chosen.std,
            **chosen.model_options,
        },
        "input_size": [size, size],
        "input_range": [0, 255],
        "labels": list(labels),
    }


def write_weights(source: pathlib.Path, name: str) -> dict:
    """Write the weights into the package; returns file, sha256, size and whether any is float16."""
    from safetensors.numpy import load, load_file, save

    arrays = load_file(source)
    rounded = sum(array.nbytes for array in arrays.values()) > ROUNDED_ABOVE
    half_from = HALF_FROM if rounded else math.inf
    arrays = {
        key: np.array(array, "float16" if array.size >= half_from else "float32", order="C")
        for key, array in arrays.items()
    }
    content = save(arrays, metadata={"format": "1", "name": name})
    for key, array in load(content).items():
        if not np.array_equal(array, arrays[key]) or not np.isfinite(array).all():
            raise SystemExit(f"{key} was not written as it is, or is not finite")
    return {**put(name, content), "rounded": rounded}


def put(name: str, content: bytes) -> dict:
    """Put a file of weights into the package; returns file, sha256 and size."""
    path = loading.WEIGHTS / f"{name}.safetensors"
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    beside.chmod(0o644)  # readable by whoever installs the package, whatever the writer's mask
    os.replace(beside, path)
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "sha256": digest, "size": len(content)}


def assign_file(model: keras.Model, path: pathlib.Path) -> None:
    """Give a model the weights that the run wrote."""
    arrays = weights.parse(path.read_bytes(), str(path))
    shapes = {name: array.shape for name, array in arrays.items()}
    weights.assign(model, shapes, arrays.__getitem__, str(path))


def report(result: dict, options) -> dict:
    """What metrics.json tells of the run."""
    kept = ("seed", "epochs", "hours", "hardware", "software", "commit")
    recipe_name, facts = result["command"].split()[3], FACTS[result["recipe"]["dataset"]]
    return {
        "metric": "accuracy",
        "split": "the test set, last epoch, no test-time augmentation",
        "score_in_training_precision": result.get("accuracy_one_view", result["accuracy"]),
        "data": f"{result['dataset']}, {facts.stored}",
        "data_fingerprint": result["test_fingerprint"],
        **{key: result[key] for key in kept},
        "command": provenance.command(result),
        "note": options.note,
        "recipe": recipe_name,
        "precision": result["recipe"]["precision"],
        "twin": options.twin,
        "licence": "Apache-2.0",
        "data_licence": facts.licence,
    }


def write_index(name: str, attention: str, config: dict, metrics: dict) -> None:
    entries = json.loads(index.PATH.read_text("utf-8"))
    shared = ("task", "architecture", "arguments", "input_size", "labels")
    measured = (
        "parameters", "gmacs", "data", "metric", "score", "licence", "data_licence", "recipe",
        "file", "sha256", "size",
    )  # fmt: skip
    entries[name] = {
        **{key: config[key] for key in shared},
        "attention": attention,
        **{key: metrics[key] for key in measured},
    }
    write_json(index.PATH, dict(sorted(entries.items())))
    index._read.cache_clear()


def write_json(path: pathlib.Path, value: dict) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)


if __name__ == "__main__":
    sys.exit(main())
