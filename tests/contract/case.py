"""What the contract has to know of a layer."""

import dataclasses
import functools
import inspect
from collections.abc import Callable

import keras
import numpy as np

from tests.layers.tools import (
    SHAPE,
    built,
    constructor_arguments,
    functional,
    random_inputs,
    randomise,
    run,
    to_layout,
    to_numpy,
)

MORE_SIZES = {
    3: ((1, 5), (3, 12)),
    4: ((1, 7, 9), (1, 14, 10), (3, 5, 4)),
    5: ((1, 3, 4, 5), (3, 2, 5, 4)),
}


class With:
    """A value for an argument that matters, or is legal, only beside other arguments."""

    def __init__(self, value, **companions):
        self.value = value
        self.companions = companions


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer class, how to make it small, and what to expect of it.

    Args:
        cls: The layer class.
        options: Arguments to make it with, such that it is small on `shape`.
        others: A value other than the default for each constructor argument whose default is
            neither a boolean nor a number (those find one by themselves), or a `With`.
        shape: Of the input, channels last: rank 3 is tokens, 4 a map, 5 a video. A list of shapes
            for a layer of several inputs.
        feed: A function of a shape and a seed to the NumPy inputs; None makes random numbers.
        output: A function of the shape to that of the output; None means the input's.
        scores: A function of the shape to that of the scores, or to a dict of shapes; None takes
            (batch, channels) for the kind "channel" and (batch, *sides) for "spatial".
        gate: Whether the output is the input times the scores; None: where `scores` is None.
        rows: Keys of the scores whose last axis sums to one; "" for a single map.
        dynamic: Whether sizes may be unknown when the layer is built.
        dynamic_scores: Whether they may be unknown where scores are asked for.
        sizes: Batch and sides of more inputs to try.
        mask: Index of the input that the (batch, tokens) mask is of; None: there is no mask.
        one_channel: Whether inputs of a single channel are legal.
        zero_gradients: Paths, without the layer's name, of weights whose gradient is zero by
            mathematics.
        idle: Arguments that change nothing beside these `options`.
        together: Whether `others` can all be given at once; or arguments that can.
        torch_float16_gradient: False for a layer with a convolution of one filter over several
            channels: torch on a CPU cannot go backward through it in float16 ("grad_weight must
            be contiguous"). The forward pass is checked all the same.
        weight_scale: Standard deviation of the random weights.
    """

    cls: type
    options: dict = dataclasses.field(default_factory=dict)
    others: dict = dataclasses.field(default_factory=dict)
    shape: tuple[int, ...] | list[tuple[int, ...]] = SHAPE
    feed: Callable | None = None
    output: Callable | None = None
    scores: Callable | None = None
    gate: bool | None = None
    rows: tuple[str, ...] = ()
    dynamic: bool = True
    dynamic_scores: bool = True
    sizes: tuple[tuple[int, ...], ...] | None = None
    mask: int | None = None
    one_channel: bool = True
    zero_gradients: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    together: bool | dict = True
    torch_float16_gradient: bool = True
    weight_scale: float = 0.5

    def make(self, **more):
        return self.cls(**{**self.options, **more})

    def filled(self, **more):
        """A layer that is built, with random weights: equal ones for equal names."""
        return self.fill(built(self.make(**more), self.shape))

    def fill(self, layer):
        return randomise(layer, scale=self.weight_scale)

    def inputs(self, seed=0, shape=None):
        """Random inputs, channels last."""
        shape = self.shape if shape is None else shape
        return random_inputs(shape, seed) if self.feed is None else self.feed(shape, seed)

    @functools.cached_property
    def plain(self):
        """The outputs of `filled()` for `inputs()`, as arrays that the checks share."""
        return [to_numpy(one) for one in keras.tree.flatten(run(self.filled(), self.inputs()))]

    def given(self, layer, seed=0):
        """The same inputs in the layout of `layer`."""
        return to_layout(self.inputs(seed), layer.data_format)

    def model(self, layer, scores=True):
        """A model with the scores, of any size where the layer allows it."""
        known = not (self.dynamic_scores if scores else self.dynamic) or not self.dynamic
        return functional(layer, self.shape, sizes_known=known, scores=scores)

    @property
    def first(self):
        """The shape of the first input."""
        return self.shape[0] if isinstance(self.shape, list) else self.shape

    @property
    def single(self):
        return not isinstance(self.shape, list)

    @property
    def has_layouts(self):
        """Whether there is an input whose axes depend on the data format."""
        shapes = [self.shape] if self.single else self.shape
        return any(len(shape) > 3 for shape in shapes)

    @property
    def arguments(self):
        return inspect.signature(self.cls).parameters

    @property
    def reductions(self):
        """The arguments by which channels are divided to give a width."""
        return [name for name in self.arguments if name.endswith("reduction")]

    @property
    def is_gate(self):
        return self.scores is None if self.gate is None else self.gate

    @property
    def identity_start(self):
        return self.make().identity_start

    def output_shape(self, shape=None):
        """The shape or shapes of the output, channels last."""
        shape = self.shape if shape is None else shape
        if self.output is not None:
            return self.output(shape)
        return shape if self.single else shape[0]

    def more_shapes(self):
        """Further shapes of a single input."""
        sizes = MORE_SIZES[len(self.first)] if self.sizes is None else self.sizes
        return [(*size, self.first[-1]) for size in sizes] if self.single else []

    def score_shapes(self, layer):
        """The expected shape of each score, by key; "" for a single map."""
        kinds = layer.score_kind if isinstance(layer.score_kind, dict) else {"": layer.score_kind}
        if self.scores is not None:
            shapes = self.scores(self.shape)
            return dict(shapes) if isinstance(shapes, dict) else {"": tuple(shapes)}
        batch, *sides, channels = self.first
        by_kind = {"channel": (batch, channels), "spatial": (batch, *sides)}
        return {key: by_kind[kind] for key, kind in kinds.items()}

    def other_arguments(self):
        """For each argument of the constructor a value that is not its default, as a `With`."""
        defaults = constructor_arguments(self.cls)
        unknown = set(self.others) - set(defaults)
        assert not unknown, f"`others` has values for arguments {self.cls} lacks: {unknown}"
        if self.identity_start is None:
            defaults.pop("identity_init")
        others = {}
        for name, default in defaults.items():
            value = self.others.get(name)
            if name not in self.others:
                value = _another(name, default)
            others[name] = value if isinstance(value, With) else With(value)
        return others

    def required(self):
        """The options that the constructor cannot do without."""
        defaults = constructor_arguments(self.cls)
        return {
            name: self.options[name]
            for name in defaults
            if defaults[name] is inspect.Parameter.empty
        }


def _another(name, default):
    """A legal value that is not the default; odd numbers stay odd."""
    if name == "data_format":
        return "channels_first"
    known = isinstance(default, bool | int | float)
    assert known, f"`others` needs a value for {name!r}"
    if isinstance(default, bool):
        return not default
    if name.endswith("reduction"):
        return 4 if default != 4 else 2  # not above the channels
    if isinstance(default, int):
        return default + 2
    return default / 2 if default else 0.5


def scores_of(layer, x, **call):
    """The output, and the scores in a dict; "" is the key of a single map."""
    call = {"return_attention_scores": True, **call}
    # Channels last runs operation by operation, so that it is bit-equal with and without scores.
    first = layer.data_format == "channels_first"
    y, scores = run(layer, x, **call) if first else layer(x, **call)
    return y, scores if isinstance(scores, dict) else {"": scores}


def shapes_of(nest):
    return keras.tree.map_structure(lambda one: tuple(one.shape), nest)


def finite(nest):
    return all(np.isfinite(to_numpy(one)).all() for one in keras.tree.flatten(nest))
