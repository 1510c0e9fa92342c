"""Train one recipe: `python -m recipes.train cifar10_resnet18w16 --attention cbam --seed 0`.

Writes into --output: history.csv (a row per epoch), state-EPOCH-STEP.safetensors (to go on from),
weights.safetensors and result.json (what was run, where, and the score of the last epoch). Exit
codes: 0, or 2 for a mistake in the command or missing data, or 3 where the loss was no number.
"""

import argparse
import ast
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time

import keras
import numpy as np

import keras_attention as ka

from . import augment, controls, data, macs, optimize, progress, recipe, state, whiten


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
    output = pathlib.Path(options.output or _default_output(options))
    output.mkdir(parents=True, exist_ok=True)
    try:
        result = train(chosen, options.seed, output, not options.restart, options.save_every)
    except (FileNotFoundError, FloatingPointError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2 if isinstance(error, FileNotFoundError) else 3
    result["command"] = f"python -m recipes.train {shlex.join(arguments)}"
    progress.write(output / "result.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def train(
    chosen: recipe.Recipe,
    seed: int,
    output: pathlib.Path,
    resume: bool = True,
    save_every: float = 300,
) -> dict:
    """Run `chosen` to its end, going on from the state in `output`; returns the result.

    `save_every` is in seconds. The same state is reached however often a run was interrupted.
    """
    keras.config.set_dtype_policy(chosen.precision)
    dataset = data.load(chosen.dataset)
    split = data.subset(dataset.splits["train"], chosen.train_images)
    steps = data.steps_per_epoch(split, chosen)
    model = build(chosen, dataset, seed)
    optimize.compile_(model, chosen, steps)
    build_metrics(model, len(dataset.names))
    if not resume:
        for path in state.found(output):
            path.unlink()
    position = state.restore(output, model)
    fit(model, chosen, split, seed, progress.Progress(output, chosen, position, steps, save_every))
    if chosen.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    save_weights(output / "weights.safetensors", model)
    test = dataset.splits["test"]
    seconds = sum(row["seconds"] for row in position.history)
    images = position.epoch * steps * chosen.batch_size
    multiplied = macs.of_recipe(chosen, len(dataset.names))
    return {
        "dataset": dataset.title,
        "train_images": len(split.labels),
        "test_fingerprint": test.fingerprint(),
        "accuracy": accuracy(model, test, chosen.sizes[-1][1]),
        "seed": seed,
        "epochs": position.epoch,
        "hours": round(seconds / 3600, 3),
        "images_per_second": round(images / max(seconds, 1e-9), 1),
        "parameters": controls.parameters(model),
        "gmacs": multiplied and round(multiplied / 1e9, 5),
        "recipe": chosen.told(),
        "commit": _commit(),
        "hardware": hardware(),
        "software": f"keras {keras.__version__}, {keras.backend.backend()} backend, "
        f"python {platform.python_version()}",
    }


def fit(model, chosen: recipe.Recipe, split: data.Split, seed: int, log: progress.Progress) -> None:
    """Train from where `log` is to the end, an epoch that was begun by itself."""
    position, start = log.position, 0
    for epochs, size in chosen.sizes:
        start += epochs
        while position.epoch < start:
            first, step = position.epoch, position.step
            last = first + 1 if step else start
            span = {"first": first, "last": last, "skip": step}
            model.fit(
                data.batches(split, chosen, size=size, seed=seed, **span),
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=log.steps - step,
                callbacks=[log],
                verbose=1 if sys.stdout.isatty() else 0,
            )


def build_metrics(model: keras.Model, num_classes: int) -> None:
    """Give the metrics their variables, which they would have after the first step."""
    nothing = np.zeros((1, num_classes), "float32")
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()


def build(chosen: recipe.Recipe, dataset: data.Dataset, seed: int) -> keras.Model:
    """The model at step 0; layers that its plain twin has too start as the twin's do."""
    classes = len(dataset.names)
    chosen = controls.resolved(chosen, classes)

    def fresh(attention):
        keras.utils.set_random_seed(seed)
        if chosen.pretrained:
            shape = (None, None, len(chosen.mean))
            return ka.zoo.load(chosen.pretrained, classes, attention=attention, input_shape=shape)
        return controls.network(chosen, attention, classes)

    model = plain = fresh(None)
    if chosen.attention is not None:
        model = fresh(chosen.attention)
        for layer in plain.layers:
            if layer.weights and not layer.name.endswith("_attention"):
                model.get_layer(layer.name).set_weights(layer.get_weights())
    if chosen.whiten:
        whiten.fill(model, dataset.splits["train"], chosen)
    for layer in model.layers:
        layer.trainable = layer.trainable and not layer.name.startswith(tuple(chosen.freeze))
    return model


def accuracy(model: keras.Model, split: data.Split, size: int) -> float:
    """Share of right answers for images of `size` pixels a side, without augmentation."""
    images = np.asarray(augment.resize(split.images, size))
    logits = model.predict(images, batch_size=250, verbose=0)
    return float(np.mean(np.argmax(logits, -1) == split.labels))


def save_weights(path: pathlib.Path, model: keras.Model) -> None:
    from safetensors.numpy import save_file

    arrays = {w.path: np.array(keras.ops.convert_to_numpy(w), order="C") for w in model.weights}
    beside = path.with_suffix(".part")
    save_file(arrays, beside)
    os.replace(beside, path)


def hardware() -> str:
    """The processor and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {os.cpu_count()} CPU cores"


def _commit() -> str:
    """The commit of this clone, marked where the tree differs from it; "" outside of git."""
    here = pathlib.Path(__file__).parent

    def git(*words):
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True).stdout

    commit = git("rev-parse", "HEAD").strip()
    return commit + ("+changes" if git("status", "--porcelain", "-uno").strip() else "")


def _chosen(options) -> recipe.Recipe:
    """The recipe with the fields of the command line."""
    attention = _literal(options.attention) if options.attention else None
    chosen = recipe.find(options.recipe)(attention, options.quick)
    if attention not in controls.NAMES:
        ka.layers.get(attention)  # a mistyped layer is told before any data is read
    return chosen.replace(**dict(_field(text) for text in options.set))


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
    model = build(chosen, dataset, seed=0)
    optimize.compile_(model, chosen, steps)
    seconds = sum(
        epochs * steps * seconds_per_step(model, chosen, split, size)
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
        "hardware": hardware(),
    }
    print(json.dumps(told, indent=1))
    return 0


def seconds_per_step(model, chosen: recipe.Recipe, split: data.Split, size: int) -> float:
    """What a training step takes after the first two, which compile; the model is trained by it."""
    batches = iter(data.batches(split, chosen, size=size, first=0, last=2, seed=0))
    for _ in range(2):
        model.train_on_batch(*next(batches))
    started = time.perf_counter()
    for _ in range(2):
        model.train_on_batch(*next(batches))
    return (time.perf_counter() - started) / 2


def _literal(text: str):
    """A Python literal, or the text itself where it is none."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _field(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set needs field=value. Received: {text!r}")
    return name, _literal(value)


def _default_output(options) -> str:
    row = options.attention or "none"
    return f"runs/{options.recipe}/{row}_seed{options.seed}{'_quick' if options.quick else ''}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.train", description=__doc__)
    parser.add_argument("recipe", help=f"one of: {', '.join(recipe.names())}")
    parser.add_argument("--attention", help="a layer's key, or a literal such as a dict")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--output", metavar="DIR", help="default: runs/RECIPE/ROW_seedN")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be run, and how long it would take"
    )
    parser.add_argument("--quick", action="store_true", help="seconds, on generated images")
    parser.add_argument(
        "--save-every", type=float, default=300, metavar="SECONDS", help="default: 300"
    )
    parser.add_argument("--restart", action="store_true", help="ignore the state in --output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
