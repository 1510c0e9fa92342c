"""The optimiser, its schedule and the loss of a recipe."""

import math
import re
from collections.abc import Mapping

import keras
from keras import ops

from keras_attention.layers.checks import at_least, one_of

from ..recipe import Recipe
from . import fused, lookahead


def compile_(model: keras.Model, chosen: Recipe, steps: int) -> None:
    """Give the model its optimiser and its loss, with the schedule spread over all epochs.

    `steps` are those of one epoch.
    """
    fused.norms(model)
    steps *= chosen.epochs
    optimizer = make(model, chosen, Schedule.of(chosen, steps), steps)
    loss = LOSSES[one_of(LOSSES, "recipe", loss=chosen.loss)]
    model.compile(
        optimizer,
        loss(from_logits=True, label_smoothing=chosen.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False if _on_tensorflow_cpu() else "auto",
    )


def _on_tensorflow_cpu() -> bool:
    """Where XLA takes a third more time than TensorFlow's own kernels."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU") and not tf.config.list_logical_devices("TPU")


def check(chosen: Recipe) -> None:
    """Raise ValueError for a word that no table here has, and for averages of two kinds."""
    one_of(OPTIMIZERS, "recipe", optimizer=chosen.optimizer)
    one_of(LOSSES, "recipe", loss=chosen.loss)
    one_of(SHAPES, "recipe", schedule=chosen.schedule)
    at_least(0, "recipe", lookahead=chosen.lookahead)
    if chosen.lookahead and (chosen.ema or chosen.accumulate > 1):
        raise ValueError(
            "lookahead goes without ema and without accumulate. Received: "
            f"lookahead={chosen.lookahead}, ema={chosen.ema}, accumulate={chosen.accumulate}"
        )


def make(model: keras.Model, chosen: Recipe, rate, steps: int = 1) -> keras.optimizers.Optimizer:
    """The recipe's optimiser for so many steps in all, built for the model's weights."""
    kind = OPTIMIZERS[one_of(OPTIMIZERS, "recipe", optimizer=chosen.optimizer)]
    multipliers, ends = rates(model, chosen), _ends(model, chosen, steps)
    if set(multipliers.values()) != {1.0} or ends:
        kind = with_rates(kind, model, multipliers, ends)
    options = {"momentum": chosen.momentum, "nesterov": chosen.nesterov}
    options = options if chosen.optimizer == "sgd" else {}
    # Keras averages after each of the batches of an accumulated step.
    momentum = chosen.ema ** (1 / chosen.accumulate)
    averaged = {"use_ema": True, "ema_momentum": momentum} if chosen.ema else {}
    if chosen.lookahead:
        kind = lookahead.with_lookahead(kind, chosen.lookahead, steps)
        averaged = {"use_ema": True, "ema_overwrite_frequency": chosen.lookahead}
    optimizer = kind(
        rate,
        weight_decay=chosen.weight_decay or None,
        global_clipnorm=chosen.clip_norm,
        gradient_accumulation_steps=chosen.accumulate if chosen.accumulate > 1 else None,
        **options,
        **averaged,
    )
    spared = [w for w in model.trainable_variables if _spared(w.path, chosen) or w.path in ends]
    optimizer.exclude_from_weight_decay(spared)
    optimizer.build(model.trainable_variables)
    # Each `fit` would end with this, and a run that goes on would go on from the averages.
    optimizer.finalize_variable_values = _nothing
    return optimizer


def _spared(path: str, chosen: Recipe) -> bool:
    return not chosen.decay_all and path.rsplit("/", 1)[-1] in SPARED


def average(model: keras.Model) -> None:
    """Replace the weights that are trained by their averages."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # under float16
    type(optimizer).finalize_variable_values(optimizer, model.trainable_variables)


def _nothing(variables) -> None:
    pass


OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,
    "lamb": keras.optimizers.Lamb,
    "sgd": keras.optimizers.SGD,
}
LOSSES = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "crossentropy": keras.losses.CategoricalCrossentropy,
}
# No weight decay for these, by the last part of a weight's path.
SPARED = ("bias", "gamma", "beta", "table", "tokens", "positions")
BLOCK = re.compile(r"stage\d+_block\d+")


def rates(model: keras.Model, chosen: Recipe) -> dict[str, float]:
    """What the learning rate of each trained weight is multiplied by, by path."""
    blocks = [found[0] for layer in model.layers if (found := BLOCK.match(layer.name))]
    above = {name: count for count, name in enumerate(reversed(dict.fromkeys(blocks)), start=1)}
    found = {}
    for path in (weight.path for weight in model.trainable_variables):
        block = BLOCK.match(path)
        deep = above[block[0]] if block else 0 if path.startswith("logits") else len(above) + 1
        words = math.prod(rate for word, rate in chosen.rates.items() if word in path)
        found[path] = chosen.layer_decay**deep * words
    return found


def _ends(model: keras.Model, chosen: Recipe, steps: int) -> dict[str, int]:
    """After how many steps the training of a weight ends, by path, where that is before the end."""
    return {
        weight.path: round(share * steps)
        for weight in model.trainable_variables
        for word, share in chosen.until.items()
        if word in weight.path
    }


def with_rates(
    kind: type, model: keras.Model, multipliers: dict[str, float], ends: Mapping[str, int] = {}
) -> type:
    """An optimiser class with another rate for some weights, and none after their end."""
    paths = [weight.path for weight in model.trainable_variables]

    class WithRates(kind):
        def update_step(self, gradient, variable, learning_rate):
            # TensorFlow hands out a value, or the copy of one device: Keras knows whose.
            path = paths[self._get_variable_index(variable)]
            factor = multipliers[path]
            if path in ends:
                factor = factor * ops.cast(self.iterations < ends[path], learning_rate.dtype)
            super().update_step(gradient, variable, learning_rate * factor)

    return WithRates


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises from `start` to 1 in `warmup` steps and then follows `shape`, times `peak`.

    It rises in a line, and by half a cosine for "one_cycle" (Smith and Topin, arXiv:1708.07120).

    Args:
        shape: One of SHAPES.
        peak: The largest rate.
        steps: All steps; at the last the shape has ended.
        warmup: Steps in which the rate rises.
        start: Where it begins, and
        end: where all but "step" end, as parts of `peak`.
        drop_at: Shares of `steps` after which "step" multiplies the rate by `drop_by`.
        drop_by: That number.
    """

    def __init__(
        self, shape, peak, steps, *, warmup=0, start=0.0, end=0.0, drop_at=(), drop_by=0.1
    ):
        self.shape = one_of(SHAPES, "recipe", schedule=shape)
        self.peak, self.steps, self.warmup = peak, steps, warmup
        self.start, self.end = start, end
        self.drop_at, self.drop_by = tuple(drop_at), drop_by

    @classmethod
    def of(cls, chosen: Recipe, steps: int) -> "Schedule":
        """That of a recipe with so many steps in all."""
        return cls(
            chosen.schedule,
            chosen.learning_rate,
            steps,
            warmup=int(chosen.warmup * steps),
            start=chosen.start_rate,
            end=chosen.final_rate,
            drop_at=chosen.drop_at,
            drop_by=chosen.drop_by,
        )

    def __call__(self, step):
        step = ops.cast(step, "float32")
        done = ops.clip((step - self.warmup) / max(1, self.steps - self.warmup), 0, 1)
        rate = SHAPES[self.shape](self, done, step)
        if self.warmup:
            risen = step / self.warmup
            if self.shape == "one_cycle":
                risen = 0.5 * (1 - ops.cos(math.pi * risen))
            rising = self.start + (1 - self.start) * risen
            rate = ops.where(step < self.warmup, rising, rate)
        return self.peak * rate

    def get_config(self):
        names = ("shape", "peak", "steps", "warmup", "start", "end", "drop_at", "drop_by")
        return {name: getattr(self, name) for name in names}


def _cosine(schedule, done, step):
    return schedule.end + (1 - schedule.end) * 0.5 * (1 + ops.cos(math.pi * done))


def _linear(schedule, done, step):
    return 1 - (1 - schedule.end) * done


def _step(schedule, done, step):
    rate = ops.ones_like(step)
    for share in schedule.drop_at:
        rate = ops.where(step >= share * schedule.steps, rate * schedule.drop_by, rate)
    return rate


SHAPES = {"cosine": _cosine, "linear": _linear, "one_cycle": _cosine, "step": _step}
