"""Train one recipe: `python -m recipes.train cifar10_resnet18w16 --attention cbam --seed 0`.

Writes into --output: history.csv (a row per epoch), state-EPOCH-STEP.safetensors (to go on from),
weights.safetensors and result.json (what was run, where, and the score of the last epoch); with
--tensorboard events for it in board/. Exit codes: 0, or 2 for a mistake in the command or missing
data, or 3 where the loss was no number.
"""

import argparse
import ast
import importlib.util
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

from . import (
    augment,
    bar,
    board,
    controls,
    data,
    distribute,
    macs,
    optimize,
    progress,
    recipe,
    score,
    state,
    whiten,
)


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
    output = pathlib.Path(options.output or _default_output(options))
    output.mkdir(parents=True, exist_ok=True)
    try:
        with devices.together(), data.unwrapped():
            result = train(
                chosen,
                options.seed,
                output,
                not options.restart,
                options.save_every,
                devices,
                options.tensorboard,
            )
    except (FileNotFoundError, FloatingPointError, data.Unusable) as error:
        print(f"train: {error}", file=sys.stderr)
        return 3 if isinstance(error, FloatingPointError) else 2
    if not devices.first:
        return 0
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
    devices: distribute.Devices = distribute.ONE,
    tensorboard: bool = False,
) -> dict:
    """Run `chosen` to its end, going on from the state in `output`; returns the result.

    `save_every` is in seconds. The same state is reached however often a run was interrupted. With
    several processes each must be given the same folder; the first alone writes to it.
    """
    keras.config.set_dtype_policy(chosen.precision)
    dataset = data.load(chosen.dataset)
    test = dataset.splits["test"]
    split = data.subset(dataset.splits["train"], chosen.train_images)
    steps = data.steps_per_epoch(split, chosen)
    with devices.scope():
        model = build(chosen, dataset, seed)
        optimize.compile_(model, chosen, steps)
        build_metrics(model, len(dataset.names))
        devices.prepare(model)
        position = _position(output, model, resume, devices)
        if (commit := _commit()) not in position.commits:
            position.commits.append(commit)
        log = progress.Progress(output, chosen, position, steps, save_every, devices)
        fit(model, chosen, split, seed, log, _watchers(log, test, tensorboard))
        if chosen.ema or chosen.lookahead:
            optimize.average(model)
        devices.settle(model)
        save_weights(output / "weights.safetensors", model, devices)
        right = accuracy(model, test, chosen.sizes[-1][1], devices, chosen.test_crop)
        one_view = {"accuracy_one_view": right} if chosen.test_views else {}
        if chosen.test_views:
            right = score.over_views(model, test, chosen.sizes[-1][1])
    seconds = sum(row["seconds"] for row in position.history)
    images = position.epoch * steps * chosen.batch_size
    multiplied = macs.of_recipe(chosen, len(dataset.names))
    return {
        "dataset": dataset.title,
        "train_images": len(split),
        "test_fingerprint": test.fingerprint(),
        "accuracy": right,
        **one_view,
        "summary": _summary(chosen, right, len(test), seed),
        "seed": seed,
        "epochs": position.epoch,
        "hours": round(seconds / 3600, 3),
        "images_per_second": round(images / max(seconds, 1e-9), 1),
        "parameters": controls.parameters(model),
        "gmacs": multiplied and round(multiplied / 1e9, 5),
        "recipe": chosen.told(),
        "commit": position.commits[-1],
        "commits": position.commits,
        "hardware": hardware(),
        "distribution": devices.told(),
        "software": f"keras {keras.__version__}, {keras.backend.backend()} backend, "
        f"python {platform.python_version()}",
    }


def _summary(chosen: recipe.Recipe, right: float, images: int, seed: int) -> str:
    """A result in a line."""
    net = f"{chosen.model} with {chosen.attention}" if chosen.attention else chosen.model
    told = f"{right:.2%} of {images} test images right"
    return f"{net} on {chosen.dataset}, seed {seed}: {told} after {chosen.epochs} epochs"


def _position(output: pathlib.Path, model, resume: bool, devices) -> state.Position:
    """Where the run goes on, with the model as it was there.

    Raises: ValueError where a process sees other states than the first.
    """
    if not resume and devices.first:
        for path in state.found(output):
            path.unlink()
    position = state.restore(output, model) if resume else state.Position()
    for number in (position.epoch, position.step):
        if devices.from_first(number) != number:
            raise ValueError(
                f"Every process needs the same output folder. Received: output={str(output)!r}, "
                f"whose newest state is not that of the first process"
            )
    return position


def _watchers(log: progress.Progress, test, tensorboard: bool) -> list[keras.callbacks.Callback]:
    """What shows a run beside its log: a bar on a terminal, and what TensorBoard reads."""
    if not log.devices.first:
        return []
    chosen, found = log.chosen, []
    if sys.stdout.isatty():
        found.append(bar.Bar(chosen, log.steps, log.position.step))
    if tensorboard:
        # Maps are of one device's network.
        count = min(4, len(test)) if log.devices.kind == "none" else 0
        images = test.test(np.arange(count), chosen.sizes[-1][1], chosen.test_crop) if count else []
        found.append(board.Board(log.output / "board", images))
    return found


def fit(
    model, chosen: recipe.Recipe, split: data.Split, seed: int, log: progress.Progress, watchers=()
) -> None:
    """Train from where `log` is to the end, an epoch that was begun by itself."""
    position, start = log.position, 0
    for epochs, size in chosen.sizes:
        start += epochs
        while position.epoch < start:
            first, step = position.epoch, position.step
            last = first + 1 if step else start
            span = {"first": first, "last": last, "skip": step}
            model.fit(
                log.devices.feed(data.batches(split, chosen, size=size, seed=seed, **span)),
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=log.steps - step,
                callbacks=[*watchers, log],
                shuffle=False,
                verbose=0,
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
                for weight, twin in zip(
                    model.get_layer(layer.name).weights, layer.weights, strict=True
                ):
                    weight.assign(twin)
    if chosen.whiten:
        whiten.fill(model, dataset.splits["train"], chosen)
    for layer in model.layers:
        layer.trainable = layer.trainable and not layer.name.startswith(tuple(chosen.freeze))
    return model


def accuracy(
    model: keras.Model,
    split: data.Split | data.Stream,
    size: int,
    devices: distribute.Devices = distribute.ONE,
    share: float = 1.0,
) -> float:
    """Share of right answers for the middle `share` of images at `size` pixels a side."""
    if devices.kind != "none":
        return score.accuracy(model, split, size, share, devices)
    images = data.test_images(split, size, share)
    logits = model.predict(images, batch_size=250, verbose=0)
    return float(np.mean(np.argmax(logits, -1) == split.labels))


def save_weights(path: pathlib.Path, model: keras.Model, devices=distribute.ONE) -> None:
    from safetensors.numpy import save_file

    arrays = {w.path: np.array(distribute.numpy(w.value), order="C") for w in model.weights}
    if not devices.first:
        return
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
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ValueError("--tensorboard needs the tensorboard package: pip install tensorboard")
    attention = _literal(options.attention) if options.attention else None
    chosen = recipe.find(options.recipe)(attention, options.quick)
    if attention not in controls.NAMES:
        ka.layers.get(attention)  # a mistyped layer is told before any data is read
    chosen = chosen.replace(**dict(_field(text) for text in options.set))
    optimize.check(chosen)
    augment.check(chosen)
    if chosen.pretrained:
        ka.zoo.info(chosen.pretrained)
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
    parser.add_argument(
        "--distribute", default="none", choices=distribute.KINDS, help="see docs/scaling.md"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write events for it into board/ of --output"
    )
    parser.add_argument("--restart", action="store_true", help="ignore the state in --output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
