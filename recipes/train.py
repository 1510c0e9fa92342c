"""Train one recipe: `python -m recipes.train cifar10_resnet18w16 --attention cbam --seed 0`.

Writes into --output: history.csv (a row per epoch), state.safetensors (to go on from),
weights.safetensors and result.json (what was run, where, and the score of the last epoch).
"""

import argparse
import ast
import csv
import dataclasses
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

from . import data, recipe, state


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        chosen = _chosen(options)
    except (TypeError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    output = pathlib.Path(options.output or _default_output(options))
    output.mkdir(parents=True, exist_ok=True)
    result = train(chosen, options.seed, output, resume=not options.restart)
    result["command"] = f"python -m recipes.train {shlex.join(arguments)}"
    _write(output / "result.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def train(chosen: recipe.Recipe, seed: int, output: pathlib.Path, resume: bool = True) -> dict:
    """Run `chosen` to its end, going on from the state in `output`; returns the result."""
    keras.config.set_dtype_policy(chosen.precision)
    dataset = data.load(chosen.dataset)
    split = dataset.splits["train"]
    model = build(chosen, len(dataset.names), seed)
    compile_(model, chosen, data.steps_per_epoch(split, chosen))
    history = []
    if resume and (output / "state.safetensors").exists():
        history = state.restore(output / "state.safetensors", model)
    log = EpochLog(output, chosen, history)
    start = 0
    for epochs, size in chosen.sizes:
        first, last = max(start, len(history)), start + epochs
        start = last
        if first >= last:
            continue
        model.fit(
            data.batches(split, chosen, size=size, first=first, last=last, seed=seed),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=data.steps_per_epoch(split, chosen),
            callbacks=[log],
            verbose=1 if sys.stdout.isatty() else 0,
        )
    save_weights(output / "weights.safetensors", model)
    test = dataset.splits["test"]
    return {
        "dataset": dataset.title,
        "test_fingerprint": test.fingerprint(),
        "accuracy": accuracy(model, test),
        "seed": seed,
        "epochs": len(history),
        "hours": round(sum(row["seconds"] for row in history) / 3600, 3),
        "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "recipe": _plain(dataclasses.asdict(chosen)),
        "commit": _commit(),
        "hardware": hardware(),
        "software": f"keras {keras.__version__}, {keras.backend.backend()} backend, "
        f"python {platform.python_version()}",
    }


def build(chosen: recipe.Recipe, num_classes: int, seed: int) -> keras.Model:
    """The model at step 0; layers that its plain twin has too start as the twin's do."""

    def fresh(attention):
        keras.utils.set_random_seed(seed)
        return ka.models.build(
            chosen.model,
            attention,
            num_classes=num_classes,
            input_shape=(None, None, 3),
            mean=chosen.mean,
            std=chosen.std,
            **chosen.model_options,
        )

    plain = fresh(None)
    if chosen.attention is None:
        return plain
    model = fresh(chosen.attention)
    for layer in plain.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    return model


def compile_(model: keras.Model, chosen: recipe.Recipe, steps: int) -> None:
    """Give the model its optimiser and its loss, with the schedule spread over all steps."""
    total = steps * chosen.epochs
    schedules = {"one_cycle": chosen.warmup, "cosine": 0.0}
    if chosen.schedule not in schedules:
        raise ValueError(
            f"schedule must be one of {list(schedules)}. Received: schedule={chosen.schedule!r}"
        )
    warmup = int(schedules[chosen.schedule] * total)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else chosen.learning_rate,
        decay_steps=total - warmup,
        warmup_target=chosen.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(
        rate, momentum=chosen.momentum, nesterov=True, weight_decay=chosen.weight_decay
    )
    spared = ("bias", "gamma", "beta")
    optimizer.exclude_from_weight_decay(
        [w for w in model.trainable_variables if w.path.rsplit("/", 1)[-1] in spared]
    )
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=chosen.label_smoothing
        ),
        metrics=["accuracy"],
    )


class EpochLog(keras.callbacks.Callback):
    """After each epoch: a line with the time left, a row of history.csv, and the state."""

    def __init__(self, output: pathlib.Path, chosen: recipe.Recipe, history: list[dict]):
        super().__init__()
        self.output, self.chosen, self.history = output, chosen, history

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        size = _size_at(self.chosen, epoch)
        row = {
            "epoch": epoch + 1,
            "size": size,
            "loss": round(float(logs["loss"]), 5),
            "accuracy": round(float(logs["accuracy"]), 5),
            "learning_rate": round(float(self.model.optimizer.learning_rate), 6),
            "seconds": round(time.perf_counter() - self.started, 1),
        }
        if not np.isfinite(row["loss"]):
            raise FloatingPointError(
                f"The loss of epoch {epoch + 1} is {row['loss']}. The state of the epoch before "
                f"is in {self.output}"
            )
        self.history.append(row)
        # A pixel costs about the same at each size, so the pixels still to come tell the time.
        left = sum(_size_at(self.chosen, e) ** 2 for e in range(epoch + 1, self.chosen.epochs))
        minutes = row["seconds"] * left / size**2 / 60
        told = ", ".join(f"{key} {value}" for key, value in row.items())
        print(f"{told}, about {minutes:.0f} min left", flush=True)
        lines = csv_text(self.history)
        _write(self.output / "history.csv", lines)
        state.save(self.output / "state.safetensors", self.model, self.history)


def accuracy(model: keras.Model, split: data.Split) -> float:
    """Share of right answers, without augmentation."""
    logits = model.predict(split.images, batch_size=250, verbose=0)
    return float(np.mean(np.argmax(logits, -1) == split.labels))


def save_weights(path: pathlib.Path, model: keras.Model) -> None:
    from safetensors.numpy import save_file

    arrays = {w.path: np.array(keras.ops.convert_to_numpy(w), order="C") for w in model.weights}
    beside = path.with_suffix(".part")
    save_file(arrays, beside)
    os.replace(beside, path)


def csv_text(rows: list[dict]) -> str:
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def hardware() -> str:
    """The processor and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {os.cpu_count()} CPU cores"


def _size_at(chosen: recipe.Recipe, epoch: int) -> int:
    return [size for epochs, size in chosen.sizes for _ in range(epochs)][epoch]


def _write(path: pathlib.Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


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
    ka.layers.get(attention)  # a mistyped layer is told before any data is read
    return chosen.replace(**dict(_field(text) for text in options.set))


def _plain(value):
    return json.loads(json.dumps(value, default=str))


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
    parser.add_argument("--quick", action="store_true", help="seconds, on generated images")
    parser.add_argument("--restart", action="store_true", help="ignore the state in --output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
