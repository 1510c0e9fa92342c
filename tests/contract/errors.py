"""A mistake is a ValueError that says what was expected and what came."""

import functools

import keras
import numpy as np

from tests.layers.tools import DATA_FORMATS, must_raise, shape_in_layout


def errors(case):
    name = "mistaken"
    must_raise(
        lambda: case.make(no_such_option=1), "Unrecognized keyword arguments", "no_such_option"
    )
    must_raise(
        lambda: case.make(data_format="channels_middle"),
        "data_format must be one of",
        "Received: data_format='channels_middle'",
    )
    if not case.single:
        return
    batch, *sides, channels = case.shape
    wrong = [(batch, *[3] * (rank - 2), channels) for rank in range(2, 7)]
    wrong = [np.zeros(shape) for shape in wrong if len(shape) not in case.cls.ranks]
    for data_format in DATA_FORMATS:
        unknown = shape_in_layout((None, *sides, None), data_format)[1:]
        for x in (*wrong, keras.Input(unknown)):
            layer = case.make(name=name, data_format=data_format)
            must_raise(functools.partial(layer, x), name, "Received: input_shape=")
    for reduction in () if "min_hidden" in case.arguments else case.reductions:
        beside = getattr(case.others.get(reduction), "companions", {})
        layer = case.make(name=name, **{reduction: channels + 1, **beside})
        received = f"Received: {reduction}={channels + 1}"
        must_raise(functools.partial(layer, case.inputs()), f"the {channels} channels", received)
    if not case.dynamic:
        unknown = (*[None] * len(sides), channels)
        layer = case.make(name=name, data_format="channels_last")
        must_raise(functools.partial(layer, keras.Input(unknown)), name, "fixed", "Received:")
