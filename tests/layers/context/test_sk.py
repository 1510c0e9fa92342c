import functools
import math

import numpy as np
import pytest

from keras_attention.layers import SelectiveKernel
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
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

SHAPE = (4, 7, 6, 8)  # in a batch of two, a normalised vector has no gradient

WAYS = (
    {"groups": 4},
    {"groups": 2, "dilate": False, "split_input": True},
    # Dilations of 1, 2, 3 and 1: a stride in, before and after the convolution.
    {"groups": 2, "strides": 2, "kernel_sizes": (3, 5, 7, 1)},
)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_matches_the_paper(data_format, options):
    layer = SelectiveKernel(min_hidden=4, data_format=data_format, **options)
    oracle = functools.partial(context.selective_kernel, **options)
    assert_matches(layer, oracle, SHAPE)


@pytest.mark.parametrize("split_input", [True, False])
@pytest.mark.parametrize("strides", [1, 2])
def test_matches_timm(split_input, strides):
    timm = core.import_oracle("timm.layers.selective_kernel")
    source = timm.SelectiveKernel(
        32, 64, stride=strides, groups=8, rd_channels=32, split_input=split_input
    )
    core.randomize(source)
    x = random_map((2, 7, 10, 32))
    options = {"groups": 8, "split_input": split_input}
    layer = built(SelectiveKernel(64, strides, **options), x.shape)
    torch_context.copy_timm_selective_kernel(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("strides", [1, 2])
def test_matches_pytorchcv(strides):
    pytorchcv = core.import_oracle("pytorchcv.models.sknet")
    source = pytorchcv.SKConvBlock(64, 64, strides)
    core.randomize(source)
    x = random_map((2, 8, 9, 64))
    layer = built(SelectiveKernel(strides=strides), x.shape)
    torch_context.copy_selective_kernel(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


def test_contract():
    def output(shape):
        batch, height, width, _ = shape
        return (batch, math.ceil(height / 2), math.ceil(width / 2), 12)

    check_layer(
        SelectiveKernel,
        {"filters": 12, "strides": 2, "groups": 2, "min_hidden": 4},
        others={"filters": 8, "kernel_sizes": (3, 5, 7), "groups": 4, "reduction": 1},
        shape=SHAPE,
        output=output,
        scores=lambda shape: (shape[0], 2, 12),
        together={"filters": 12, "kernel_sizes": (5, 7), "groups": 4, "strides": 3},
        one_channel=False,
    )


def test_each_channel_shares_itself_out_between_the_paths():
    layer = randomise(built(SelectiveKernel(groups=2, kernel_sizes=(3, 5, 7)), SHAPE))
    _, scores = layer(random_map(SHAPE), return_attention_scores=True)
    scores = to_numpy(scores)
    assert_close(scores.sum(axis=1), np.ones((4, 8)), 1e-6)
    assert np.ptp(scores, axis=2).max() > 0.1  # channels differ in what they choose


def test_training_normalises_paths_and_summary_by_the_batch():
    x, layer = random_map(SHAPE), randomise(built(SelectiveKernel(groups=2), SHAPE))
    weights = weight_values(layer)
    layer(x, training=True)
    after = weight_values(layer)
    u = context.grouped_convolution(x.astype("float64"), weights["paths_2/kernel"], 1, 2, 2)
    for part, new in {"mean": u.mean((0, 1, 2)), "variance": u.var((0, 1, 2))}.items():
        path = f"path_norms_2/moving_{part}"
        assert_close(after[path], 0.9 * weights[path] + 0.1 * new, what=path)
    assert np.abs(after["norm/moving_mean"] - weights["norm/moving_mean"]).max() > 0


def test_width_of_the_summary_and_of_the_kernels():
    def shapes(channels, **options):
        return weight_shapes(built(SelectiveKernel(**options), (1, 4, 4, channels)))

    assert shapes(64)["squeeze/kernel"] == (64, 32)
    assert shapes(1024)["squeeze/kernel"] == (1024, 64)
    assert shapes(64, filters=1024)["squeeze/kernel"] == (1024, 64)
    assert shapes(64, reduction=4, min_hidden=2)["squeeze/kernel"] == (64, 16)
    assert shapes(64)["paths_2/kernel"] == (3, 3, 2, 64)
    assert shapes(64, dilate=False)["paths_2/kernel"] == (5, 5, 2, 64)
    assert shapes(64, split_input=True)["paths_2/kernel"] == (3, 3, 1, 64)


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (3, 0), 3, "35", (3, 5.0), (3, True)], ids=str)
def test_rejects_kernel_sizes(sizes):
    message = "SelectiveKernel: kernel_sizes must be two or more odd integers >= 1. Received: "
    with pytest.raises(ValueError, match=message):
        SelectiveKernel(kernel_sizes=sizes)


@pytest.mark.parametrize("name", ["filters", "strides", "groups", "reduction", "min_hidden"])
def test_rejects_numbers_below_one(name):
    message = f"SelectiveKernel: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        SelectiveKernel(**{name: 0})


@pytest.mark.parametrize(
    ("channels", "options"),
    [(48, {}), (8, {"groups": 2, "filters": 9}), (6, {"groups": 2, "split_input": True})],
    ids=str,
)
def test_rejects_channels_that_do_not_divide(channels, options):
    layer = SelectiveKernel(name="mistaken", **options)
    message = "SelectiveKernel 'mistaken' needs channels that divide by .* Received: channels="
    with pytest.raises(ValueError, match=message):
        layer(random_map((1, 4, 4, channels)))
