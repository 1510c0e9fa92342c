"""One adversarial run, from its start or its last state to its result."""

import os
import pathlib
import time
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

import keras_attention as ka

from ..engine import controls, folder, fused, progress, seeds, state
from ..engine import run as engine
from . import draws, grid, shapes, watch
from .model import NETWORKS, Gan, Steps
from .recipe import GanRecipe


def train(
    chosen: GanRecipe, seed: int, output: pathlib.Path, resume: bool = True, save_every: float = 300
) -> dict:
    """Run `chosen` to its end, going on from the state in `output`; returns the result.

    `save_every` is in seconds. The same state is reached however often a run was interrupted.
    Raises: FloatingPointError with the step at which a loss or its gradient was no number.
    """
    keras.config.set_dtype_policy(chosen.precision)
    title, classes, split = draws.load(chosen)
    fixed = draws.fixed(split, chosen, classes, seed)
    gan = build(chosen, classes, fixed[2].shape[-1], seed)
    folder.claim(output, chosen, seed, resume)
    position = state.restore(output, gan)
    if (here := engine.commit()) not in position.commits:
        position.commits.append(here)
    log = Log(gan, fixed, output, position, save_every)
    fit(gan, split, classes, seed, log)
    save_generator(output / "generator.safetensors", gan.average)
    seconds = position.seconds
    shown = position.step * chosen.batch_size
    return {
        "dataset": title,
        "train_images": len(split),
        **judged(gan.average, chosen, classes, seed),
        "last": position.history[-1],
        "warnings": [row["warning"] for row in position.history if row["warning"]],
        "seed": seed,
        "steps": position.step,
        "classes": classes,
        "channels": fixed[2].shape[-1],
        "hours": round(seconds / 3600, 3),
        "images_per_second": round(shown / max(seconds, 1e-9), 1),
        "parameters": parameters(gan),
        "recipe": chosen.told(),
        **engine.made_by(position.commits[-1]),
        "commits": position.commits,
    }


def fit(gan: Gan, split, classes: int, seed: int, log: "Log") -> None:
    """Train from where `log` is to the end."""
    chosen, steps = gan.chosen, Steps(gan)
    span = {"first": log.position.step, "last": chosen.steps}
    for batch in draws.batches(split, chosen, classes, seed=seed, **span):
        log.after(steps, steps(batch))


class Log:
    """What happens beside the steps: rows, warnings, samples, states, and the check of the losses.

    Args:
        gan: The model.
        fixed: What `draws.fixed` returns.
        output: The folder of the run.
        position: Where the run is; this moves it on.
        save_every: Seconds after which the state is written.
    """

    def __init__(self, gan: Gan, fixed, output, position: state.Position, save_every: float):
        self.gan, self.output, self.position = gan, output, position
        self.latents, self.labels, real = fixed
        self.real = watch.diversity(real)
        self.save_every, self.chosen = save_every, gan.chosen
        self.started = time.perf_counter() - position.seconds
        self.saved = time.perf_counter()

    def after(self, steps: Steps, told: dict) -> None:
        """To be called after each step, with what it told."""
        position, chosen = self.position, self.chosen
        position.step += 1
        last = position.step == chosen.steps
        logged = last or position.step % chosen.log_every == 0
        sampled = last or position.step % chosen.sample_every == 0
        due = last or time.perf_counter() - self.saved >= self.save_every
        if not (logged or sampled or due):
            return
        steps.sync()
        self._check()
        if logged:
            self._row(told)
        if sampled:
            path = self.output / "samples" / f"step-{position.step:07d}.png"
            grid.save(path, sample(self.gan.average, self.latents, self.labels))
        if due:
            position.seconds = time.perf_counter() - self.started
            state.save(self.output, self.gan, position)
            self.saved = time.perf_counter()

    def _check(self) -> None:
        if step := int(ops.convert_to_numpy(self.gan.broken)):
            kept = state.found(self.output)
            raise FloatingPointError(
                f"A loss or its gradient is no number at step {step}. "
                + (f"The last state before is {kept[-1]}" if kept else "No state was written")
            )

    def _row(self, told: dict) -> None:
        position = self.position
        numbers = {name: float(ops.convert_to_numpy(told[name])) for name in COLUMNS}
        own = watch.diversity(sample(self.gan.generator, self.latents, self.labels))
        row = {
            "step": position.step,
            **{name: float(f"{number:.6g}") for name, number in numbers.items()},
            "diversity": round(own / max(self.real, 1e-9), 4),
            "seconds": round(time.perf_counter() - self.started, 1),
        }
        position.history.append(row)
        row["warning"] = "; ".join(watch.warnings(position.history, self.chosen.steps))
        left = row["seconds"] / row["step"] * (self.chosen.steps - row["step"]) / 60
        told = ", ".join(f"{key} {value}" for key, value in row.items() if key != "warning")
        print(f"{told}, about {left:.0f} min left", flush=True)
        if row["warning"]:
            print(f"warning: {row['warning']}", flush=True)
        progress.write(self.output / "log.csv", progress.csv_text(position.history))


COLUMNS = ("d_loss", "g_loss", "d_real", "d_fake", "d_gradient", "g_gradient")


def build(chosen: GanRecipe, classes: int, channels: int, seed: int) -> Gan:
    """The model at step 0."""
    found = untrained(chosen, classes, channels, seed)
    generator, discriminator, average = found
    if generator.output_shape[1] != chosen.size:
        raise ValueError(
            f"recipe: size must be {generator.output_shape[1]}, the side of the images of "
            f"{chosen.model!r}. Received: size={chosen.size}"
        )
    for theirs, mine in zip(generator.weights, average.weights, strict=True):
        mine.assign(theirs)
    for network in found:
        fused.norms(network)
    return Gan(generator, discriminator, average, chosen)


def untrained(
    chosen: GanRecipe, classes: int, channels: int, seed: int, names: Sequence[str] = NETWORKS
) -> list[keras.Model]:
    """Networks at step 0; layers that their twins without attention have start as the twins' do."""
    found = networks(chosen, chosen.attention, classes, channels, seed, names)
    if chosen.attention is not None:
        plain = networks(chosen, None, classes, channels, seed, names)
        for network, twin in zip(found, plain, strict=True):
            _start_alike(network, twin)
    return found


def networks(
    chosen: GanRecipe,
    attention,
    classes: int,
    channels: int,
    seed: int,
    names: Sequence[str] = NETWORKS,
) -> list[keras.Model]:
    """A fresh generator, discriminator and generator to be averaged into, named apart."""
    shared = {"num_classes": classes, "width": chosen.width, "channels": channels}
    shared["attention_at"] = chosen.attention_at
    made = []
    for name in names:
        # Apart, or kernels of one shape in both networks would start alike.
        seeds.start(seed + 100_000 * NETWORKS.index(name))
        # Two networks have layers of one name; their weights' paths must differ in a state.
        with keras.name_scope(name):
            if name == "discriminator":
                network = ka.models.build_discriminator(chosen.model, attention, **shared)
            else:
                options = {**shared, "latent": chosen.latent}
                network = ka.models.build_generator(chosen.model, attention, **options)
        made.append(network)
    return made


def _start_alike(network: keras.Model, twin: keras.Model) -> None:
    own = {weight.path: weight for weight in network.weights}
    for weight in twin.weights:
        own[weight.path].assign(weight)


def parameters(gan: Gan) -> dict[str, int]:
    """How many numbers are trained in each network."""
    return {name: controls.parameters(getattr(gan, name)) for name in NETWORKS[:2]}


def sample(generator: keras.Model, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Images in -1..1 of latents (N, latent) and, where the generator takes them, labels (N,)."""
    x = [latents, labels] if len(generator.inputs) > 1 else latents
    return np.asarray(generator.predict(x, batch_size=64, verbose=0), "float32")


def judged(generator: keras.Model, chosen: GanRecipe, classes: int, seed: int) -> dict:
    """The shares of whole and of consistent samples, where the data set has a rule for them.

    `of_whole` is the share of the whole ones that is consistent, and `by_chance` what it would be
    if the halves of different samples were put together; both None where hardly any is whole.
    """
    if chosen.dataset != shapes.NAME or chosen.size != shapes.SIDE:
        return {}
    rng = np.random.default_rng([seed, draws.FIXED, 1])
    latents = rng.standard_normal((chosen.judged, chosen.latent), "float32")
    images = sample(generator, latents, np.zeros(chosen.judged, "int32"))
    whole, consistent = (float(found.mean()) for found in shapes.judge(images))
    return {
        "whole": whole,
        "consistent": consistent,
        "of_whole": consistent / whole if whole >= shapes.ENOUGH else None,
        "by_chance": shapes.by_chance(images) if whole >= shapes.ENOUGH else None,
    }


def save_generator(path: pathlib.Path, average: keras.Model) -> None:
    """Write the weights under the paths that `build_generator` gives them by itself."""
    from safetensors.numpy import save_file

    arrays = {
        weight.path.partition("/")[2]: np.array(ops.convert_to_numpy(weight), order="C")
        for weight in average.weights
    }
    beside = path.with_suffix(".part")
    save_file(arrays, beside)
    os.replace(beside, path)


def load_generator(folder: pathlib.Path, result: dict) -> keras.Model:
    """The averaged generator of a finished run, from its folder and its result."""
    from safetensors.numpy import load_file

    chosen = result["recipe"]
    names = ("attention", "width", "latent", "attention_at")
    arrays = load_file(folder / "generator.safetensors")
    model = ka.models.build_generator(
        chosen["model"],
        num_classes=result["classes"],
        channels=result["channels"],
        **{name: chosen[name] for name in names},
    )
    for weight in model.weights:
        weight.assign(arrays[weight.path].reshape(weight.shape))
    return model
