import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import SelfAttention2D
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    to_numpy,
    weight_shapes,
)
from tests.layers.whole_map.branch import assert_whole_branch_matches
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles

EVEN = (2, 6, 8, 8)
PORT = {"pool": False, "use_projection": False, "spectral_norm": False}
VARIANTS = {
    "authors": {},
    "paper": {"value_reduction": 8, "pool": False},
    "port": {**PORT, "value_reduction": 1, "use_bias": True},
}


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_matches_the_paper(variant, data_format):
    options = VARIANTS[variant]
    switches = {name: options[name] for name in PORT if name in options}
    oracle = functools.partial(whole_map.sagan, **switches)
    layer = SelfAttention2D(key_reduction=4, **options, data_format=data_format)
    assert_matches(layer, oracle, EVEN, scale=1.0)


def test_matches_the_paper_with_the_whole_branch():
    assert_whole_branch_matches(
        SelfAttention2D(key_reduction=2), whole_map.sagan, random_inputs(EVEN)
    )


@pytest.mark.parametrize("training", [False, True])
def test_matches_torch(training):
    core.import_oracle("torch")
    source = core.seeded(lambda: torch_oracles.sagan(16))
    x = random_inputs((2, 6, 8, 16))
    layer = built(SelfAttention2D(), x.shape)
    torch_oracles.copy_sagan(source, layer)
    if training:  # a step for each kernel, on both sides
        source.train()(core.to_torch(x))
        layer(x, training=True)
    assert_library(layer, x, core.run(source, x), "torch")


def test_contract():
    check_layer(
        SelfAttention2D,
        {"key_reduction": 2},
        others={"use_projection": With(False, value_reduction=1)},
        together={"key_reduction": 3, "value_reduction": 1, **PORT, "use_bias": True},
        shape=EVEN,
        sizes=((1, 6, 8), (1, 2, 10), (3, 4, 4)),
        scores=lambda shape: (shape[0], 1, 48, 12),
        rows=("",),
    )


def test_contract_of_the_common_port():
    check_layer(
        SelfAttention2D,
        {"key_reduction": 2, "value_reduction": 1, **PORT, "use_bias": True},
        others={
            "value_reduction": With(3, use_projection=True),
            "use_projection": With(False, value_reduction=1),
        },
        together={"key_reduction": 3, "value_reduction": 1, **PORT, "use_bias": True},
        shape=EVEN,
        scores=lambda shape: (shape[0], 1, 48, 48),
        rows=("",),
        zero_gradients=("key/bias",),
    )


def test_widths():
    shapes = weight_shapes(built(SelfAttention2D(), (1, 4, 4, 32)))
    assert shapes["query/kernel"] == shapes["key/kernel"] == (32, 4)
    assert shapes["value/kernel"] == (32, 16) and shapes["out/kernel"] == (16, 32)
    assert not any(path.endswith("bias") for path in shapes)
    assert "query/u" in shapes


def test_the_kernels_norms_are_estimated_in_training_only():
    x, layer = random_inputs(EVEN), built(SelfAttention2D(), EVEN)
    for training in (None, False, True):
        before = [to_numpy(weight) for weight in layer.non_trainable_variables]
        layer(x, training=training)
        after = [to_numpy(weight) for weight in layer.non_trainable_variables]
        same = [np.array_equal(one, two) for one, two in zip(before, after, strict=True)]
        assert len(same) == 4
        assert not any(same) if training else all(same)


@pytest.mark.parametrize("shape", [(1, 7, 8, 8), (1, 8, 7, 8)])
def test_rejects_odd_sides_where_it_pools(shape):
    message = "even height and width; pool=False takes any. Received: input_shape="
    with pytest.raises(ValueError, match=message):
        built(SelfAttention2D(), shape)
    built(SelfAttention2D(pool=False), shape)


def test_pools_an_odd_last_row_by_itself_where_sizes_were_unknown():
    image = keras.Input((None, None, 8))
    model = keras.Model(image, SelfAttention2D()(image, return_attention_scores=True))
    _, scores = model(random_inputs((1, 5, 4, 8)))
    assert scores.shape == (1, 1, 20, 6)


@pytest.mark.parametrize("name", ["key_reduction", "value_reduction"])
def test_rejects_reductions_below_one(name):
    message = f"SelfAttention2D: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        SelfAttention2D(**{name: 0})


def test_rejects_narrow_values_without_a_projection():
    message = "use_projection=False needs value_reduction=1.* Received: value_reduction=2"
    with pytest.raises(ValueError, match=message):
        SelfAttention2D(use_projection=False)
