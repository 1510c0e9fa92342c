import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import GlobalContext
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import context
from tests.torch_oracles import context as torch_context
from tests.torch_oracles import core

FUSES = ("add", "scale")


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("fuse", FUSES)
def test_matches_the_paper(data_format, fuse):
    layer = GlobalContext(fuse, reduction=2, data_format=data_format)
    assert_matches(layer, functools.partial(context.global_context, fuse=fuse))


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(context.global_context, epsilon=0.5)
    assert_matches(GlobalContext(hidden=5, epsilon=0.5), oracle)


@pytest.mark.parametrize("fuse", FUSES)
def test_matches_timm(fuse):
    timm = core.import_oracle("timm.layers.global_context")
    source = timm.GlobalContext(
        32, rd_ratio=1 / 4, fuse_add=fuse == "add", fuse_scale=fuse == "scale"
    )
    core.randomize(source)
    perceptron = source.mlp_add if fuse == "add" else source.mlp_scale
    perceptron.fc2.reset_parameters()  # timm starts the one that is added at zero
    x = random_map((2, 7, 9, 32))
    layer = built(GlobalContext(fuse, reduction=4, epsilon=1e-6), x.shape)
    torch_context.copy_global_context(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("fuse", FUSES)
def test_contract(fuse):
    check_layer(
        GlobalContext,
        {"fuse": fuse, "reduction": 2},
        others={"fuse": "scale", "hidden": 5, "epsilon": 0.5},
        scores=lambda shape: (shape[0], 1, shape[1] * shape[2]),
        rows=("",),
        zero_gradients=("score/bias",),
    )


def test_adding_starts_as_the_identity_and_scaling_as_a_half():
    x = random_map()
    layer = GlobalContext(reduction=2)
    assert_equal(layer(x), x)
    assert isinstance(layer.score.kernel_initializer, keras.initializers.HeNormal)
    assert_equal(GlobalContext("scale", reduction=2)(x), x / 2)


def test_equal_logits_give_the_mean():
    """Without logits the output depends on the map's mean only, besides the map itself."""
    x, layer = random_map(), randomise(built(GlobalContext(reduction=2)))
    layer.score.set_weights([np.zeros((8, 1)), np.zeros(1)])
    y, scores = layer(x, return_attention_scores=True)
    assert_close(scores, np.full((2, 1, 63), 1 / 63), 1e-7)
    flat = np.broadcast_to(x.mean((1, 2), keepdims=True), x.shape)
    assert_close(y, x + to_numpy(layer(flat)) - flat)


def test_scores_follow_the_positions_row_by_row():
    x, layer = random_map(), randomise(built(GlobalContext(reduction=2)))
    _, scores = layer(x, return_attention_scores=True)
    logits = x @ weight_values(layer)["score/kernel"][:, 0]
    best = [np.unravel_index(one.argmax(), one.shape) for one in logits]
    assert [row * 9 + column for row, column in best] == to_numpy(scores)[:, 0].argmax(1).tolist()


def test_width_of_the_hidden_layer():
    def width(channels, **options):
        layer = built(GlobalContext(**options), (1, 4, 4, channels))
        return weight_shapes(layer)["squeeze/bias"]

    assert width(64) == (4,)
    assert width(16) == (1,)
    assert width(64, reduction=5, hidden=7) == (7,)


def test_rejects_an_unknown_fusion():
    message = (
        r"GlobalContext: fuse must be one of \['add', 'scale'\]. Did you mean 'scale'\? "
        "Received: fuse='scales'"
    )
    with pytest.raises(ValueError, match=message):
        GlobalContext("scales")


@pytest.mark.parametrize("options", [{"reduction": 0}, {"hidden": 0}], ids=str)
def test_rejects_widths_below_one(options):
    ((name, value),) = options.items()
    message = f"GlobalContext: {name} must be an integer >= 1. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        GlobalContext(**options)
