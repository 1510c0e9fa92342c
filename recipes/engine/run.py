"""One run of a recipe, from its start or its last state to its result."""

import functools
import os
import pathlib
import platform
import subprocess
import sys
import time

import keras
import numpy as np

from .. import data, recipe
from . import (
    bar,
    board,
    controls,
    distribute,
    folder,
    macs,
    optimize,
    progress,
    score,
    seeds,
    state,
    whiten,
)


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
        folder.claim(output, chosen, seed, resume, devices.first)
        position = _position(output, model, resume, devices)
        if (here := commit()) not in position.commits:
            position.commits.append(here)
        log = progress.Progress(output, chosen, position, steps, save_every, devices)
        fit(model, chosen, split, seed, log, _watchers(log, test, tensorboard))
        if chosen.ema or chosen.lookahead:
            optimize.average(model)
        devices.settle(model)
        save_weights(output / "weights.safetensors", model, devices)
        seen = (test, chosen.sizes[-1][1], devices, chosen.test_crop)
        right = score.accuracy(model, *seen)
        one_view = {"accuracy_one_view": right} if chosen.test_views else {}
        if chosen.test_views:
            right = score.accuracy(score.of_views(model, devices), *seen)
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
        **made_by(position.commits[-1]),
        "commits": position.commits,
        "distribution": devices.told(),
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
    states = state.found(output) if resume else []
    for number in state.place(states[-1]) if states else (0, 0):
        if devices.from_first(number) != number:
            raise ValueError(
                f"Every process needs the same output folder. Received: output={str(output)!r}, "
                f"whose newest state is not that of the first process"
            )
    return state.restore(output, model) if resume else state.Position()


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
            batches = functools.partial(data.batches, split, chosen, size=size, seed=seed, **span)
            model.fit(
                log.devices.feed(lambda part, made=batches: made(part=part)),
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
        seeds.start(seed)
        return controls.network(chosen, attention, classes)

    model = plain = fresh(None)
    if chosen.attention is not None:
        model = fresh(chosen.attention)
        twins = {layer.name: layer for layer in plain.layers}
        for layer in model.layers:
            if layer.name in twins and not layer.name.endswith("_attention"):
                pairs = zip(layer.weights, twins[layer.name].weights, strict=True)
                for weight, twin in pairs:
                    weight.assign(twin)
    if chosen.whiten:
        whiten.fill(model, dataset.splits["train"], chosen)
    for layer in model.layers:
        layer.trainable = layer.trainable and not layer.name.startswith(tuple(chosen.freeze))
    return model


def save_weights(path: pathlib.Path, model: keras.Model, devices=distribute.ONE) -> None:
    from safetensors.numpy import save_file

    arrays = {w.path: np.array(distribute.numpy(w.value), order="C") for w in model.weights}
    if not devices.first:
        return
    beside = path.with_suffix(".part")
    save_file(arrays, beside)
    os.replace(beside, path)


def made_by(at: str | None = None) -> dict[str, str]:
    """Where a number comes from: the commit, this one if not told, the machine and the software."""
    return {
        "commit": commit() if at is None else at,
        "hardware": hardware(),
        "software": f"keras {keras.__version__}, {keras.backend.backend()} backend, "
        f"python {platform.python_version()}",
    }


def hardware() -> str:
    """The processor and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {os.cpu_count()} CPU cores"


def commit() -> str:
    """The commit of this clone, marked where the tree differs from it; "" outside of git."""
    here = pathlib.Path(__file__).parent

    def git(*words):
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True).stdout

    commit = git("rev-parse", "HEAD").strip()
    return commit + ("+changes" if git("status", "--porcelain", "-uno").strip() else "")


def seconds_per_step(model, chosen: recipe.Recipe, split: data.Split, size: int) -> float:
    """What a training step takes after the first two, which compile; the model is trained by it."""
    batches = iter(data.batches(split, chosen, size=size, first=0, last=2, seed=0))
    for _ in range(2):
        model.train_on_batch(*next(batches))
    started = time.perf_counter()
    for _ in range(2):
        model.train_on_batch(*next(batches))
    return (time.perf_counter() - started) / 2
