"""Train one recipe: `python -m recipes.gan fashion_mnist_sagan --attention sagan --seed 0`.

Writes into --output: recipe.json (whose run this is), log.csv, samples/ (grids of what the averaged
generator makes), states to go on from, with the same recipe and seed, generator.safetensors (the
averaged one) and result.json. A row of the log that shows a collapse has a warning, which is
printed too. Exit codes: 0, or 2 for a mistake in the command or missing data, or 3 where a loss or
its gradient was no number.
"""

import argparse
import json
import pathlib
import shlex
import sys
import time

import keras

import keras_attention as ka

from ..engine import folder, progress
from ..engine import run as engine
from ..train import field, literal
from . import draws, recipe, run
from .model import Steps


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        chosen = _chosen(options)
        if options.dry_run:
            print(json.dumps(told(chosen), indent=1))
            return 0
        words = (options.recipe, options.attention, options.set, options.seed, options.quick)
        output = pathlib.Path(options.output or folder.name(*words))
        result = run.train(chosen, options.seed, output, options.resume, options.save_every)
    except (TypeError, ValueError, FileNotFoundError, FloatingPointError) as error:
        print(f"gan: {error}", file=sys.stderr)
        return 3 if isinstance(error, FloatingPointError) else 2
    result["command"] = f"python -m recipes.gan {shlex.join(arguments)}"
    progress.write(output / "result.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def _chosen(options) -> recipe.GanRecipe:
    """The recipe with the fields of the command line."""
    attention = literal(options.attention)
    attention = None if attention == "none" else attention
    ka.layers.get(attention)  # a mistyped layer is told before any data is read
    chosen = recipe.find(options.recipe)(attention, options.quick)
    chosen = chosen.replace(**dict(field(text) for text in options.set))
    chosen.check()
    return chosen


def told(chosen: recipe.GanRecipe) -> dict:
    """What a run would be, with the time that it takes if all steps are as the first few."""
    keras.config.set_dtype_policy(chosen.precision)
    title, classes, split = draws.load(chosen)
    channels = draws.fixed(split, chosen, classes, seed=0)[2].shape[-1]
    gan = run.build(chosen, classes, channels, seed=0)
    seconds = seconds_per_step(gan, split, classes)
    return {
        "recipe": chosen.told(),
        "dataset": title,
        "parameters": run.parameters(gan),
        "steps": chosen.steps,
        "seconds_per_step": round(seconds, 4),
        "estimated_hours": round(seconds * chosen.steps / 3600, 3),
        "hardware": engine.hardware(),
    }


def seconds_per_step(gan, split, classes: int, count: int = 5) -> float:
    """What a step takes after the first two, which compile; the model is trained by it."""
    steps = Steps(gan)
    batches = iter(draws.batches(split, gan.chosen, classes, seed=0, first=0, last=count + 2))
    for _ in range(2):
        float(keras.ops.convert_to_numpy(steps(next(batches))["g_loss"]))
    started = time.perf_counter()
    for batch in batches:
        float(keras.ops.convert_to_numpy(steps(batch)["g_loss"]))
    return (time.perf_counter() - started) / count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.gan", description=__doc__)
    parser.add_argument("recipe", help=f"one of: {', '.join(recipe.names())}")
    parser.add_argument(
        "--attention", default="sagan", help="none, a layer's key, or a literal such as a dict"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--output", metavar="DIR", help=f"default: {folder.DEFAULT}")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be run, and how long it would take"
    )
    parser.add_argument("--quick", action="store_true", help="seconds, on generated images")
    parser.add_argument(
        "--save-every", type=float, default=300, metavar="SECONDS", help="default: 300"
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the state in --output, where there is one; this is the default",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
