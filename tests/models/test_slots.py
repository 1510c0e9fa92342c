"""Where attention goes: every form of the argument, and every way to get it wrong."""

import keras
import numpy as np
import pytest

from keras_attention import layers
from keras_attention.models import slots

from .nets import carry_weights, outputs, pixels, small

DEPTHS = (1, 2)


@pytest.mark.parametrize(
    ("attention", "expected"),
    [
        (None, [None, None, None]),
        ("se", ["se", "se", "se"]),
        ({"type": "se", "reduction": 8}, [{"type": "se", "reduction": 8}] * 3),
        (layers.CBAM, [layers.CBAM] * 3),
        (["se", "cbam"], ["se", "cbam", "cbam"]),
        ((None, "cbam"), [None, "cbam", "cbam"]),
        ([["se"], ["cbam", None]], ["se", "cbam", None]),
        (["se", [{"type": "eca"}, "cbam"]], ["se", {"type": "eca"}, "cbam"]),
        ({}, [None, None, None]),
        ({"stage2": "se"}, [None, "se", "se"]),
        ({"stage2/block2": "se"}, [None, None, "se"]),
        ({"stage2": "se", "stage2/block1": "cbam"}, [None, "cbam", "se"]),
        ({"stage2/block1": "cbam", "stage2": "se"}, [None, "cbam", "se"]),
        ({"stage2": "se", "stage2/block1": None}, [None, None, "se"]),
    ],
)
def test_resolve(attention, expected):
    chosen = slots.resolve(attention, DEPTHS)
    assert chosen == dict(zip([(1, 1), (2, 1), (2, 2)], expected, strict=True))


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (
            {"stage3": "se"},
            "Received: 'stage3'. Known: stage1, stage2, stage1/block1, stage2/block",
        ),
        ({"stage2/block3": "se"}, r"Did you mean 'stage2/block\d'\? Received: 'stage2/block3'"),
        ({"stge1": "se"}, "Unknown address in attention. Did you mean 'stage1'?"),
        ({1: "se"}, "Received: 1. Known: stage1"),
        ({"reduction": 8}, "one spec for all blocks is a dict with a 'type'"),
        (["se"], "one entry per stage, 2 here. Received 1:"),
        (["se", "se", "se"], "one entry per stage, 2 here. Received 3:"),
        (["se", ["cbam"]], "The list for stage2 needs one spec per block, 2 here. Received 1:"),
        ([], "one entry per stage, 2 here. Received 0"),
    ],
)
def test_resolve_refuses(attention, message):
    with pytest.raises(ValueError, match=message):
        slots.resolve(attention, DEPTHS)


class Halve(layers.AttentionLayer):
    """A layer of somebody else's, not registered here."""

    score_kind = "channel"

    def call(self, x):
        return 0.5 * x


def quarter(name):
    return keras.layers.Rescaling(0.25, name=name)


def nameless():
    return keras.layers.Rescaling(0.25)


def found(model):
    """The class names in the attention slots of a model, by block, "" for an empty slot."""
    names = {layer.name: type(layer).__name__ for layer in model.layers}
    blocks = [(stage, block) for stage in (1, 2, 3, 4) for block in (1, 2)]
    return [names.get(f"stage{stage}_block{block}_attention", "") for stage, block in blocks]


@pytest.mark.parametrize(
    ("attention", "expected"),
    [
        (None, [""] * 8),
        ("cbam", ["CBAM"] * 8),
        ([None, "se", "cbam", None], ["", "", *["SqueezeExcite"] * 2, *["CBAM"] * 2, "", ""]),
        ([None, [None, "se"], None, ["cbam", None]], [*[""] * 3, "SqueezeExcite", *["", ""]]),
        ({"stage4": "cbam", "stage4/block1": "se"}, [*[""] * 6, "SqueezeExcite", "CBAM"]),
        (Halve, ["Halve"] * 8),
        ({"type": Halve}, ["Halve"] * 8),
        (quarter, ["Rescaling"] * 8),
    ],
)
def test_the_net_has_what_was_asked_for(attention, expected):
    if len(expected) == 6:
        expected = [*expected, "CBAM", ""]
    assert found(small(attention)) == expected


def test_options_reach_the_layer():
    model = small({"stage1": {"type": "se", "reduction": 2}, "stage2": "se"})
    assert model.get_layer("stage1_block2_attention").reduction == 2
    assert model.get_layer("stage2_block2_attention").reduction == 16


def test_each_block_has_a_layer_of_its_own():
    gates = [layer for layer in small("se").layers if layer.name.endswith("_attention")]
    assert len(gates) == len({id(gate) for gate in gates}) == 8
    assert len({id(weight) for gate in gates for weight in gate.weights}) == 8 * 4


def test_a_users_layer_acts_on_the_branch():
    """Halving every branch is the same as halving what the last norm of each block puts out."""
    halved, plain = small(Halve), small(None)
    carry_weights(halved, plain)
    for layer in plain.layers:
        if layer.name.endswith("norm2"):
            layer.gamma.assign(0.5 * layer.gamma.value)
            layer.beta.assign(0.5 * layer.beta.value)
    expected, received = outputs(plain, pixels()), outputs(halved, pixels())
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        ("cbma", "Did you mean 'cbam'?"),
        ({"stage1": "cbma"}, "Did you mean 'cbam'?"),
        ({"stage5": "se"}, "Known: stage1, stage2, stage3, stage4, stage1/block1"),
        ({"stage1/block3": "se"}, "stage1/block1, stage1/block2, stage2/block1"),
        (["se"] * 3, "one entry per stage, 4 here. Received 3"),
        ([["se"] * 3, None, None, None], "stage1 needs one spec per block, 2 here. Received 3"),
        ({"type": "se", "reducton": 8}, "Did you mean 'reduction'?"),
        (nameless, "must take name="),
        (4, "Received: spec=4"),
    ],
)
def test_the_net_refuses(attention, message):
    with pytest.raises(ValueError, match=message):
        small(attention)


def test_an_instance_is_refused():
    with pytest.raises(ValueError, match="each block needs its own layer"):
        small(layers.SqueezeExcite())


@pytest.mark.parametrize("spec", [keras.layers.GlobalAveragePooling2D, lambda name: Twice(name)])
def test_a_place_needs_a_layer_that_keeps_the_shape(spec):
    with pytest.raises(ValueError, match=r"keeps the shape .*list_layers\(slot='gate'\)"):
        slots.fill(spec, keras.Input((8, 8, 4)), "stage1_block1_attention")


class Twice(keras.layers.Layer):
    def __init__(self, name):
        super().__init__(name=name)

    def call(self, x):
        return [x, x]


def test_none_by_name_is_none():
    assert slots.resolve("none", (1,)) == {(1, 1): None}
    chosen = slots.resolve({"stage1": "se", "stage1/block2": "none"}, (2,))
    assert chosen == {(1, 1): "se", (1, 2): None}


def test_a_network_keeps_its_own_attention_in_blocks_that_are_not_named():
    own, depths = {"type": "se", "reduction": 4}, (1, 2)
    assert slots.instead_of(own, None, depths) is own
    assert slots.instead_of(own, "eca", depths) == "eca"
    given = {"stage2/block2": "cbam", "stage1": "none"}
    chosen = slots.resolve(slots.instead_of(own, given, depths), depths)
    assert chosen == {(1, 1): None, (2, 1): own, (2, 2): "cbam"}
    with pytest.raises(ValueError, match="Unknown address.*'stage3'"):
        slots.instead_of(own, {"stage3": "cbam"}, depths)
