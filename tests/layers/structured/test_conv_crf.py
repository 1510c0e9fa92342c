import functools

import numpy as np
import pytest

from keras_attention.layers import ConvCRF
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    functional,
    random_inputs,
    random_map,
    to_numpy,
    weight_shapes,
)
from tests.oracles import random_fields
from tests.torch_oracles import core
from tests.torch_oracles import structured as torch_structured

SHAPE = [(2, 4, 5, 3), (2, 4, 5, 2)]
COVERING = 9  # a window that holds the whole map wherever its centre is
PUBLISHED = {"initial": "log_softmax"}


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("initial", ["softmax", "log_softmax"])
@pytest.mark.parametrize("iterations", [1, 5])
def test_a_covering_window_is_dense_mean_field(iterations, initial, data_format):
    options = {"iterations": iterations, "initial": initial, "color_std": 1.5}
    layer = ConvCRF(COVERING, 1, data_format=data_format, **options)
    oracle = functools.partial(random_fields.conv_crf, filter_size=2 * COVERING, **options)
    assert_matches(layer, oracle, SHAPE)


@pytest.mark.parametrize(
    "options",
    [
        {"filter_size": 3},
        {"filter_size": 3, "blur": 2},
        {"filter_size": 3, "blur": 3, "iterations": 2, "unary_weight": 0.7},
        {"filter_size": 1, "spatial_weight": 0, "spatial_std": 1},
        {"filter_size": 5, "color_position_std": 2.0, "color_weight": 4, "color_std": 2},
        {"filter_size": 3, "blur": 2, "color_position_std": 2.0},
    ],
    ids=str,
)
def test_matches_the_paper(options):
    assert_matches(ConvCRF(**{"blur": 1, **options}), _oracle(**options), SHAPE)


def _oracle(**options):
    return functools.partial(random_fields.conv_crf, **options)


@pytest.mark.parametrize("blur, shape", [(1, (4, 5)), (2, (5, 7)), (4, (6, 7)), (4, (8, 5))])
@pytest.mark.parametrize("iterations", [1, 5])
def test_matches_the_published_code(iterations, blur, shape):
    core.import_oracle("torch")
    x = [random_map((1, *shape, 3)), 40 * random_map((1, *shape, 3), seed=1)]
    options = {"filter_size": 5, "blur": blur, "iterations": iterations}
    layer = built(ConvCRF(**options, **PUBLISHED), [one.shape for one in x])
    expected = torch_structured.conv_crf(*x, **options)
    assert_library(layer, x, expected, "published code")


def test_the_start_matters_after_one_step_and_not_after_five():
    x = random_inputs(SHAPE)

    def difference(iterations):
        ours, published = (
            to_numpy(ConvCRF(5, 1, iterations, initial=initial)(x))
            for initial in ("softmax", "log_softmax")
        )
        return np.abs(ours - published).max()

    assert difference(1) > 1
    assert difference(5) < 1e-3


def test_learned_numbers_are_those_of_the_kernel():
    options = {"filter_size": 3, "blur": 1, "color_position_std": 2.0, "color_std": 2.0}
    x = random_inputs(SHAPE)
    assert_close(ConvCRF(**options, learnable=True)(x), ConvCRF(**options)(x))


def test_weights():
    def shapes(**options):
        return weight_shapes(built(ConvCRF(**options), SHAPE))

    kernel = dict.fromkeys(("spatial_std", "spatial_weight", "color_std", "color_weight"), ())
    assert shapes() == {"update_weight": (3,)}
    assert shapes(learnable=True) == {"update_weight": (3,), **kernel}
    more = shapes(learnable=True, color_position_std=1.0)
    assert more == {"update_weight": (3,), **kernel, "color_position_std": ()}
    assert not built(ConvCRF(), SHAPE).trainable_weights
    assert len(built(ConvCRF(learnable=True), SHAPE).trainable_weights) == 5


def test_contract():
    check_layer(
        ConvCRF,
        {"filter_size": 3, "blur": 2, "iterations": 2, "color_std": 2.0, "learnable": True},
        others={"color_position_std": 2.0, "initial": "log_softmax"},
        shape=SHAPE,
        scores=lambda shape: (2, 1, 6, 6),
        gate=False,
        dynamic=False,
        weight_scale=2.0,  # a smaller std would silence its term
    )


def test_sizes_may_be_unknown_without_blur():
    layer = ConvCRF(3, blur=1, iterations=2)
    model = functional(layer, SHAPE, scores=False)
    x = random_inputs(SHAPE)
    assert_close(model(x)["y"], layer(x))
    with pytest.raises(ValueError, match="needs a fixed height and width"):
        functional(ConvCRF(3, blur=2), SHAPE)


def test_default_arguments_are_the_published_ones():
    assert ConvCRF().numbers == {
        "spatial_std": 3,
        "spatial_weight": 3,
        "color_std": 13,
        "color_weight": 10,
        "update_weight": 0.2,
        "unary_weight": 1,
    }


@pytest.mark.parametrize(
    "options, message",
    [
        ({"filter_size": 4}, "filter_size must be an odd integer >= 1. Received: filter_size=4"),
        ({"blur": 0}, "blur must be an integer >= 1. Received: blur=0"),
        ({"iterations": 0}, "iterations must be an integer >= 1. Received: iterations=0"),
        ({"color_std": 0}, "color_std must be above 0. Received: color_std=0"),
        ({"color_position_std": -1}, "color_position_std must be above 0. Received: color_pos"),
        ({"update_weight": -1}, "update_weight must be at least 0. Received: update_weight=-1"),
        ({"initial": "log-softmax"}, "Did you mean 'log_softmax'. Received: initial="),
    ],
    ids=str,
)
def test_rejects_options(options, message):
    with pytest.raises(ValueError, match=f"ConvCRF: .*{message}"):
        ConvCRF(**options)


def test_rejects_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"needs the inputs \[logits, image\]. Received"):
        ConvCRF().build(SHAPE[0])
    with pytest.raises(ValueError, match="logits and an image of one height and width"):
        ConvCRF().build([(2, 4, 5, 3), (2, 4, 6, 3)])
    with pytest.raises(ValueError, match="Received: image_shape"):
        ConvCRF().build([(2, 4, 5, 3), (2, 4, 5)])
