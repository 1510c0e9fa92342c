"""Train one recipe: `python -m recipes.train cifar10_resnet18w16 --attention cbam --seed 0`.

Writes into --output: recipe.json (whose run this is), history.csv (a row per epoch),
state-EPOCH-STEP.safetensors (to go on from), weights.safetensors and result.json (what was run,
where, and the score of the last epoch); with --tensorboard events for it in board/. A run goes on
from the state there with the recipe and the seed that it was begun with, and with no other. Exit
codes: 0, or 2 for a mistake in the command or missing data, or 3 where the loss was no number.
"""

import argparse
import ast
import importlib.util
import json
import pathlib
import shlex
import sys

import keras

import keras_attention as ka

from . import data, recipe
from .data import augment
from .engine import controls, distribute, folder, macs, optimize, progress, run


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        chosen = _chosen(options)
    except (TypeError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    if options.dry_run:
        return _tell(chosen)
    try:
        devices = distribute.start(options.distribute)
        devices.check(chosen)
    except ValueError as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    output = pathlib.Path(options.output or _default_output(options, chosen))
    try:
        with devices.together(), data.unwrapped():
            result = run.train(
                chosen,
                options.seed,
                output,
                options.resume,
                options.save_every,
                devices,
                options.tensorboard,
            )
    except (FileNotFoundError, FloatingPointError, data.Unusable, recipe.Mistake) as error:
        print(f"train: {error}", file=sys.stderr)
        return 3 if isinstance(error, FloatingPointError) else 2
    if not devices.first:
        return 0
    result["command"] = f"python -m recipes.train {shlex.join(arguments)}"
    progress.write(output / "result.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def resolved(arguments: list[str]) -> recipe.Recipe:
    """What would be run. Raises: TypeError or ValueError for a mistake in the recipe."""
    return _chosen(_parser().parse_args(arguments))


def _chosen(options) -> recipe.Recipe:
    """The recipe with the fields of the command line."""
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ValueError("--tensorboard needs the tensorboard package: pip install tensorboard")
    attention = None if options.attention in (None, "own") else literal(options.attention)
    chosen = recipe.find(options.recipe)(attention, options.quick)
    if attention not in controls.NAMES:
        ka.layers.get(attention)  # a mistyped layer is told before any data is read
    chosen = chosen.replace(**dict(field(text) for text in options.set))
    optimize.check(chosen)
    augment.check(chosen)
    if chosen.pretrained:
        ka.zoo.info(chosen.pretrained)
    if attention == "none" and not controls.own(chosen):
        chosen = chosen.replace(attention=None)
    return chosen


def _tell(chosen: recipe.Recipe) -> int:
    """Print what a run would be, with the time that it takes if all steps are as the first few."""
    try:
        dataset = data.load(chosen.dataset)
        split = data.subset(dataset.splits["train"], chosen.train_images)
        steps = data.steps_per_epoch(split, chosen)
    except (FileNotFoundError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    keras.config.set_dtype_policy(chosen.precision)
    try:
        model = run.build(chosen, dataset, seed=0)
    except recipe.Mistake as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    optimize.compile_(model, chosen, steps)
    seconds = sum(
        epochs * steps * run.seconds_per_step(model, chosen, split, size)
        for epochs, size in chosen.sizes
    )
    multiplied = macs.of_recipe(chosen, len(dataset.names))
    told = {
        "recipe": chosen.told(),
        "dataset": dataset.title,
        "parameters": controls.parameters(model),
        "gmacs": multiplied and round(multiplied / 1e9, 5),
        "steps": steps * chosen.epochs,
        "estimated_hours": round(seconds / 3600, 3),
        "hardware": run.hardware(),
    }
    print(json.dumps(told, indent=1))
    return 0


def literal(text: str):
    """A Python literal, or the text itself where it is none."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def field(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set needs field=value. Received: {text!r}")
    return name, literal(value)


def _default_output(options, chosen: recipe.Recipe) -> str:
    row = options.attention or ("own" if controls.own(chosen) else "none")
    return folder.name(options.recipe, row, options.set, options.seed, options.quick)


ATTENTION = (
    "a layer's key, a literal such as a dict, or none; default: own, what the network has by itself"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.train", description=__doc__)
    parser.add_argument("recipe", help=f"one of: {', '.join(recipe.names())}")
    parser.add_argument("--attention", help=ATTENTION)
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
        "--distribute", default="none", choices=distribute.KINDS, help="see docs/scaling.md"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write events for it into board/ of --output"
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
