import numpy as np
import pytest

from keras_attention.layers import checks
from tests.layers.tools import assert_equal, to_numpy


def test_integers_that_are_large_enough_come_back():
    assert checks.at_least(1, "Gate", reduction=1) == 1
    assert checks.at_least(0, "Gate", beta=0) == 0
    assert checks.optional_at_least(1, "Gate", hidden=7) == 7
    assert checks.optional_at_least(1, "Gate", hidden=None) is None
    assert [checks.odd("Gate", kernel_size=size) for size in (1, 3, 7)] == [1, 3, 7]


@pytest.mark.parametrize("check", [checks.at_least, checks.optional_at_least])
@pytest.mark.parametrize("value", [1, -3, 2.0, True, "2"])
def test_at_least_names_the_layer_the_argument_and_the_value(check, value):
    with pytest.raises(ValueError) as caught:
        check(2, "Gate", reduction=value)
    expected = f"Gate: reduction must be an integer >= 2. Received: reduction={value!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", [0, 2, -1, 3.0, True, None])
def test_odd_names_the_layer_the_argument_and_the_value(value):
    with pytest.raises(ValueError) as caught:
        checks.odd("Gate", kernel_size=value)
    expected = f"Gate: kernel_size must be an odd integer >= 1. Received: kernel_size={value!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "shape, space, one",
    [
        ((2, 1, 1, 8), (1, 2), True),
        ((2, 8, 1, 1), (2, 3), True),
        ((2, 1, 1, 8), (2, 3), False),
        ((2, 1, 5, 8), (1, 2), False),
        ((None, None, 1, 8), (1, 2), False),
    ],
)
def test_a_map_of_one_position_is_refused_where_that_is_known(shape, space, one):
    if not one:
        assert checks.several_positions("Gate", shape, space) is None
        return
    with pytest.raises(ValueError) as caught:
        checks.several_positions("Gate", shape, space)
    expected = f"Gate needs more than one position in a map. Received: input_shape={shape}"
    assert str(caught.value) == expected


def test_one_of_known_values():
    assert checks.one_of(("dot", "scaled"), "Layer", mode="dot") == "dot"
    with pytest.raises(ValueError) as caught:
        checks.one_of(("dot", "scaled"), "Layer", mode="scale")
    assert str(caught.value) == (
        "Layer: mode must be one of ['dot', 'scaled']. Did you mean 'scaled'? "
        "Received: mode='scale'"
    )


@pytest.mark.parametrize("value", [-0.1, 1, True, "0.5", None])
def test_rates_are_below_one(value):
    assert checks.rate("Layer", dropout=0.5) == 0.5 and checks.rate("Layer", dropout=0) == 0
    with pytest.raises(ValueError) as caught:
        checks.rate("Layer", dropout=value)
    expected = f"Layer: dropout must be in [0, 1). Received: dropout={value!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", [0, -1.5, True, "1", float("nan")])
def test_positive_numbers(value):
    assert checks.positive("Layer", ratio=0.1) == 0.1
    with pytest.raises(ValueError) as caught:
        checks.positive("Layer", ratio=value)
    assert str(caught.value) == f"Layer: ratio must be above 0. Received: ratio={value!r}"


def test_shapes_of_several_inputs():
    names = ("query", "value", "key")
    two = [(2, 3), [2, 7, 3]]
    assert checks.shapes(two, names, "Layer", required=2) == [(2, 3), (2, 7, 3)]
    assert checks.shapes((2, 3), names, "Layer") == [(2, 3)]
    for given in ((2, 3), [*two, *two]):
        with pytest.raises(ValueError) as caught:
            checks.shapes(given, names, "Layer", required=2)
        assert str(caught.value) == (
            "Layer needs the inputs [query, value] or [query, value, key]. "
            f"Received: input_shape={given}"
        )


def test_masks_fit_the_tokens_or_are_refused():
    x, mask = np.zeros((2, 3, 4)), np.array([[True, True, False], [True, False, False]])
    assert checks.mask_of(x, None, "Layer") is None
    assert checks.mask_of(x, [None, None], "Layer") is None
    assert_equal(checks.mask_of(x, mask.astype("int32"), "Layer"), mask)
    both = [None, mask, ~mask]
    assert_equal(checks.mask_of(x, both, "Layer", inputs=(1,)), mask)
    assert not to_numpy(checks.mask_of(x, both, "Layer", inputs=(1, 2))).any()
    assert_equal(checks.mask_of(x, both[:2], "Layer", inputs=(1, 2)), mask)
    for wrong in (mask[:, :2], mask[:1], mask[..., None], [mask[0]]):
        with pytest.raises(ValueError, match=r"Layer: mask must have the shape .*= \(2, 3\)"):
            checks.mask_of(x, wrong, "Layer")


def test_nearest_name():
    known = {"cbam", "eca", "se"}
    assert checks.nearest("cbma", known) == " Did you mean 'cbam'?"
    assert checks.nearest("transformer", known) == ""
    assert checks.nearest("transformer", known, " See the list.") == " See the list."
    assert checks.nearest(7, known) == ""
