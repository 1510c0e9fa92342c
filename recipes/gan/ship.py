"""Turn a finished and judged run into a published generator: `python -m recipes.gan.ship RUN NAME`.

Writes the weights into the package, a line into its index.json, and zoo/NAME/ with config.json,
metrics.json, the card, grid.png and, of a generator with attention, attention.png. RUN must have
the score.json that `recipes.gan.evaluate` writes. Torch, which counts the multiply-adds, must be
installed, and matplotlib.
"""

import argparse
import json
import pathlib
import sys

import keras
import numpy as np

import keras_attention as ka
from keras_attention.zoo import loading
from keras_attention.zoo.publishing import layout

from .. import provenance, ship
from ..card import key_of
from ..data import pictures
from ..data.facts import FACTS
from ..engine import controls
from . import card, draws, run
from .recipe import GanRecipe

# Of the grid: its rows, and how many pixels show one.
ROWS, SCALE = 8, 2
SEED = 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipes.gan.ship", description=__doc__)
    parser.add_argument("run", type=pathlib.Path, help="folder that recipes.gan wrote")
    parser.add_argument("name", help="the name to publish under")
    parser.add_argument("--note", default="", help="a sentence on how the run was done")
    options = parser.parse_args(arguments)
    try:
        result, score = (
            json.loads((options.run / f"{name}.json").read_text("utf-8"))
            for name in ("result", "score")
        )
    except FileNotFoundError as error:
        print(f"ship: {error.filename} is missing: {card.BEFORE}", file=sys.stderr)
        return 2
    publish(options.run, options.name, result, score, options.note)
    print(f"{options.name}: {json.dumps(score['summary'])}")
    return 0


def publish(folder: pathlib.Path, name: str, result: dict, score: dict, note: str) -> None:
    """Write all files of one generator."""
    chosen = GanRecipe(**result["recipe"])
    labels = draws.data.load(chosen.dataset, ("test",)).names if result["classes"] else ()
    config = configuration(chosen, result, labels)
    model = run.load_generator(folder, result)
    written = ship.put(name, layout.safetensors_of(model, chosen.model))
    measured = {"parameters": controls.parameters(model), "gmacs": round(macs(model) / 1e9, 5)}
    metrics = {**report(result, score, note), **measured, **written}
    place = ship.CARDS / name
    place.mkdir(parents=True, exist_ok=True)
    ship.write_index(name, key_of(chosen.attention), config, metrics)
    ship.write_json(place / "config.json", config)
    ship.write_json(place / "metrics.json", metrics)
    shipped = loading.load(name)
    draw_grid(shipped, place / card.GRID)
    if chosen.attention is not None:
        draw_attention(shipped, place / card.ATTENTION)
    card.write(name, ship.CARDS)


def configuration(chosen: GanRecipe, result: dict, labels: tuple[str, ...]) -> dict:
    """What config.json holds: how to build the generator and what it makes."""
    return {
        "task": "generation",
        "architecture": chosen.model,
        "arguments": {
            "attention": chosen.attention,
            "num_classes": result["classes"],
            "channels": result["channels"],
            "width": chosen.width,
            "latent": chosen.latent,
            "attention_at": chosen.attention_at,
        },
        "input_size": [chosen.size, chosen.size],
        "labels": list(labels),
    }


def macs(model: keras.Model) -> int:
    """Multiplications for one picture, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    inputs = [np.zeros((1, *one.shape[1:]), one.dtype) for one in model.inputs]
    with FlopCounterMode(display=False) as counter:
        model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return counter.get_total_flops() // 2


def report(result: dict, score: dict, note: str) -> dict:
    """What metrics.json tells of the run and of its judgement."""
    kept = ("seed", "steps", "hours", "hardware", "software", "commit")
    facts = FACTS[result["recipe"]["dataset"]]
    net, first = next(iter(score["nets"].items()))
    return {
        "metric": f"FD-{net}",
        "score": round(first["frechet"]["value"], 4),
        "data": f"{result['dataset']}, {facts.stored}",
        **{key: result[key] for key in kept},
        "command": provenance.command(result),
        "note": note,
        "recipe": result["command"].split()[3],
        "precision": result["recipe"]["precision"],
        "licence": "Apache-2.0",
        "data_licence": facts.licence,
        "judged": score,
    }


def draw_grid(model: keras.Model, path: pathlib.Path) -> None:
    """Samples of one seed, a class in each column."""
    across = max(ka.models.sampling.classes_of(model), 1)
    across = across if across > 1 else ROWS
    images = ka.models.sample(model, across * ROWS, SEED)
    images = images.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    pictures.image(ka.models.grid(images, across=across)).save(path, optimize=True)


def draw_attention(model: keras.Model, path: pathlib.Path) -> None:
    """What the middle and two corners of one sample attend to."""
    latents = ka.models.sampling.latents(1, model.inputs[0].shape[-1], SEED)
    inputs = [latents, np.zeros(1, "int32")] if len(model.inputs) > 1 else latents
    image = ka.models.sample(model, 1, SEED)[0]
    ((_, attention),) = ka.explain.attention_maps(model, inputs).items()
    side = image.shape[0]
    pixels = [(side // 2, side // 2), (side // 4, side // 4), (3 * side // 4, 3 * side // 4)]
    ka.explain.query_figure(image, attention, pixels).savefig(path, dpi=80)


if __name__ == "__main__":
    sys.exit(main())
