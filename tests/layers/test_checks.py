import pytest

from keras_attention.layers import checks


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


def test_nearest_name():
    known = {"cbam", "eca", "se"}
    assert checks.nearest("cbma", known) == " Did you mean 'cbam'?"
    assert checks.nearest("transformer", known) == ""
    assert checks.nearest("transformer", known, " See the list.") == " See the list."
    assert checks.nearest(7, known) == ""
