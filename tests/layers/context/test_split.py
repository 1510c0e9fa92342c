import functools
import math

import numpy as np
import pytest

from keras_attention.layers import SplitAttention
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
from tests.oracles import context, maths
from tests.torch_oracles import context as torch_context
from tests.torch_oracles import core

SHAPE = (4, 7, 6, 8)  # in a batch of two, a normalised vector has no gradient

WAYS = ({}, {"radix": 1}, {"groups": 2}, {"radix": 4, "groups": 2, "strides": 2})


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_matches_the_paper(data_format, options):
    layer = SplitAttention(min_hidden=4, data_format=data_format, **options)
    oracle = functools.partial(context.split_attention, **options)
    assert_matches(layer, oracle, SHAPE)


def test_matches_the_paper_with_other_filters_and_kernel():
    layer = SplitAttention(12, kernel_size=5, radix=2, groups=2, min_hidden=6)
    assert_matches(layer, functools.partial(context.split_attention, groups=2), SHAPE)


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_matches_timm(options):
    timm = core.import_oracle("timm.layers.split_attn")
    torch = core.import_oracle("torch")
    renamed = {("stride" if name == "strides" else name): one for name, one in options.items()}
    source = timm.SplitAttn(32, 64, norm_layer=torch.nn.BatchNorm2d, **renamed)
    core.randomize(source)
    x = random_map((2, 7, 10, 32))
    layer = built(SplitAttention(64, **options), x.shape)
    torch_context.copy_timm_split_attention(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_matches_pytorchcv():
    pytorchcv = core.import_oracle("pytorchcv.models.common.att")
    source = pytorchcv.SAConvBlock(32, 32, kernel_size=3, stride=2, padding=1)
    core.randomize(source)
    x = random_map((2, 8, 9, 32))
    layer = built(SplitAttention(strides=2), x.shape)
    torch_context.copy_split_attention(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


def test_contract():
    def output(shape):
        batch, height, width, _ = shape
        return (batch, math.ceil(height / 2), math.ceil(width / 2), 12)

    check_layer(
        SplitAttention,
        {"filters": 12, "strides": 2, "groups": 2, "min_hidden": 4},
        others={"filters": 8, "radix": 4, "groups": 4, "reduction": 2},
        shape=SHAPE,
        output=output,
        scores=lambda shape: (shape[0], 2, 12),
        together={"filters": 12, "strides": 3, "kernel_size": 5, "radix": 4, "groups": 2},
        zero_gradients=("squeeze/bias",),
        one_channel=False,
    )


def test_each_channel_shares_itself_out_between_the_parts():
    layer = randomise(built(SplitAttention(radix=4, groups=2), SHAPE))
    _, scores = layer(random_map(SHAPE), return_attention_scores=True)
    scores = to_numpy(scores)
    assert_close(scores.sum(axis=1), np.ones((4, 8)), 1e-6)
    assert np.ptp(scores, axis=2).max() > 0.1  # channels differ in what they choose


def test_training_normalises_both_by_the_batch():
    x, layer = random_map(SHAPE), randomise(built(SplitAttention(min_hidden=4), SHAPE))
    weights = weight_values(layer)
    expected = context.grouped_convolution(x.astype("float64"), weights["conv/kernel"], groups=2)
    mean, variance = expected.mean((0, 1, 2)), expected.var((0, 1, 2))
    layer(x, training=True)
    after = weight_values(layer)
    for part, new in {"mean": mean, "variance": variance}.items():
        path = f"norm/moving_{part}"
        assert_close(after[path], 0.9 * weights[path] + 0.1 * new, what=path)
    batch = {"norm/moving_mean": mean, "norm/moving_variance": variance}
    u = maths.relu(maths.batch_norm(expected, {**weights, **batch}, "norm", 1e-5))
    s = (u[..., :8] + u[..., 8:]).mean((1, 2))
    z = s @ weights["squeeze/kernel"][0, 0] + weights["squeeze/bias"]
    path = "squeeze_norm/moving_mean"
    assert_close(after[path], 0.9 * weights[path] + 0.1 * z.mean(0), what=path)


def test_widths():
    def shapes(channels, **options):
        return weight_shapes(built(SplitAttention(**options), (1, 4, 4, channels)))

    assert shapes(16)["squeeze/kernel"] == (1, 1, 16, 32)
    assert shapes(128)["squeeze/kernel"] == (1, 1, 128, 64)
    assert shapes(128, filters=64)["squeeze/kernel"] == (1, 1, 64, 64)
    assert shapes(16, reduction=2, radix=4, min_hidden=3)["squeeze/bias"] == (32,)
    assert shapes(16, radix=4, groups=2)["conv/kernel"] == (3, 3, 2, 64)
    assert shapes(16, radix=4, groups=2)["attend/kernel"] == (1, 1, 16, 64)


@pytest.mark.parametrize(
    "name", ["filters", "strides", "radix", "groups", "reduction", "min_hidden"]
)
def test_rejects_numbers_below_one(name):
    message = f"SplitAttention: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        SplitAttention(**{name: 0})


def test_rejects_even_kernels():
    message = "SplitAttention: kernel_size must be an odd integer >= 1. Received: kernel_size=4"
    with pytest.raises(ValueError, match=message):
        SplitAttention(kernel_size=4)


@pytest.mark.parametrize(
    ("channels", "options"),
    [(7, {}), (8, {"groups": 2, "filters": 9}), (12, {"groups": 3, "min_hidden": 7})],
    ids=str,
)
def test_rejects_channels_that_do_not_divide(channels, options):
    layer = SplitAttention(name="mistaken", **options)
    message = "SplitAttention 'mistaken' needs channels that divide by .* Received: channels="
    with pytest.raises(ValueError, match=message):
        layer(random_map((1, 4, 4, channels)))
