"""Rules are strict: each tensor once, each weight once."""

import numpy as np
import pytest

from keras_attention.zoo import ConversionError
from keras_attention.zoo.convert import arrays, parts
from keras_attention.zoo.convert.rules import Rule, apply, plan

SHAPES = {"fc.weight": (3, 4), "fc.bias": (3,), "step": ()}
WANTED = {"logits/kernel": (4, 3), "logits/bias": (3,)}
TABLE = (*parts.dense("fc", "logits"), Rule("step", None))


def test_each_weight_gets_its_array():
    tensors = {name: np.random.default_rng(0).normal(size=shape) for name, shape in SHAPES.items()}
    found = dict(apply(plan(SHAPES, TABLE, WANTED, "file"), tensors.__getitem__))
    assert found.keys() == WANTED.keys()
    np.testing.assert_array_equal(found["logits/kernel"], tensors["fc.weight"].T)
    np.testing.assert_array_equal(found["logits/bias"], tensors["fc.bias"])


@pytest.mark.parametrize(
    ("shapes", "wanted", "message"),
    [
        ({**SHAPES, "odd": (1,)}, WANTED, "file does not fit the model. Tensors without use: odd"),
        (SHAPES, {**WANTED, "more/bias": (1,)}, "weights without a tensor: more/bias"),
        ({"fc.bias": (3,)}, WANTED, "weights without a tensor: logits/kernel"),
        (SHAPES, {"logits/bias": (3,)}, "the model does not have: logits/kernel"),
        ({**SHAPES, "fc.weight": (5, 4)}, WANTED, r"logits/kernel \(4, 3\).*\(4, 5\)"),
        ({**SHAPES, "fc.weight": (3,)}, WANTED, "other shapes: .*fc.weight"),
    ],
)
def test_what_does_not_fit_is_listed(shapes, wanted, message):
    with pytest.raises(ConversionError, match=message):
        plan(shapes, TABLE, wanted, "file")


def test_a_weight_is_not_filled_twice():
    table = (Rule("a", "x"), Rule("b", "x"))
    with pytest.raises(ConversionError, match="filled twice: x"):
        plan({"a": (1,), "b": (1,)}, table, {"x": (1,)}, "file")


def test_numbers_are_carried_and_counted_on():
    table = (Rule("layer{s}.{b}.w", "stage{s+1}_block{b-1}/kernel"),)
    (step,) = plan({"layer3.12.w": (2,)}, table, {"stage4_block11/kernel": (2,)}, "file")
    assert step.targets == ("stage4_block11/kernel",)


def test_dots_are_dots():
    with pytest.raises(ConversionError, match="Tensors without use: axb"):
        plan({"axb": (1,)}, (Rule("a.b", "x"),), {}, "file")


def test_tensors_can_go_together_or_apart():
    def halves(array):
        return array[:2], array[2:]

    table = (
        Rule(("{n}.q", "{n}.k"), "{n}/both", arrays.joined),
        Rule("{n}.whole", ("{n}/first", "{n}/second"), halves),
    )
    tensors = {"1.k": np.array([2, 3]), "1.q": np.array([1]), "1.whole": np.arange(3)}
    shapes = {name: array.shape for name, array in tensors.items()}
    wanted = {"1/both": (3,), "1/first": (2,), "1/second": (1,)}
    found = dict(apply(plan(shapes, table, wanted, "file"), tensors.__getitem__))
    assert [found[name].tolist() for name in wanted] == [[1, 2, 3], [0, 1], [2]]


def test_new_weights_stay_as_they_are_and_their_tensors_are_left_out():
    def new(path):
        return path.startswith("logits")

    wanted = {**WANTED, "body/bias": (2,)}
    shapes = {**SHAPES, "fc.weight": (9, 9), "body.bias": (2,)}
    table = (*TABLE, Rule("body.bias", "body/bias"))
    (step,) = plan(shapes, table, wanted, "file", new)
    assert step.targets == ("body/bias",)


def test_axes():
    x = np.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    assert arrays.conv(x).shape == (5, 7, 3, 2) and arrays.conv(x)[4, 6, 1, 0] == x[0, 1, 4, 6]
    assert arrays.depthwise(x[:, :1]).shape == (5, 7, 2, 1)
    np.testing.assert_array_equal(arrays.dense(x[:, :, :1, :1]), x[:, :, 0, 0].T)
    np.testing.assert_array_equal(arrays.conv1d(x[0]), x[0].transpose(2, 1, 0))
