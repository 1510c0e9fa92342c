import functools

import numpy as np
import pytest

from keras_attention.layers import LargeKernelAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import mixed_gates
from tests.torch_oracles import core, spatial


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("dilation", [1, 2])
def test_matches_the_paper(data_format, dilation):
    layer = LargeKernelAttention(3, 5, dilation, data_format=data_format)
    assert_matches(layer, functools.partial(mixed_gates.large_kernel, dilation=dilation))


def test_matches_the_paper_with_defaults():
    assert_matches(LargeKernelAttention(), mixed_gates.large_kernel)


def test_matches_the_authors_code():
    core.import_oracle("torch")
    x, layer = random_map(), randomise(built(LargeKernelAttention()))
    weights = {path: value.astype("float32") for path, value in weight_values(layer).items()}
    assert_library(layer, x, spatial.large_kernel(x, weights), "torch")


def test_contract():
    check_layer(
        LargeKernelAttention,
        {"local_kernel": 3, "dilated_kernel": 3, "dilation": 2},
        gate=False,
    )


def test_a_factor_sees_23_pixels_of_its_row_and_column():
    x = np.zeros((1, 27, 27, 1), "float32")
    x[0, 13, 13] = 1
    layer = built(LargeKernelAttention(), x.shape)
    layer.set_weights([np.full_like(one, one.ndim == 4) for one in layer.get_weights()])
    _, scores = layer(x, return_attention_scores=True)
    reached = to_numpy(scores)[0] > 0
    expected = np.zeros((27, 27), bool)
    expected[2:25, 2:25] = True
    assert np.array_equal(reached, expected)


def test_kernels_start_with_the_authors_variance():
    layer = built(LargeKernelAttention(), (1, 4, 4, 128))
    wanted = {"local": 2 / 25, "dilated": 2 / 49, "point": 2 / 128}
    for name, variance in wanted.items():
        kernel = to_numpy(getattr(layer, name).kernel)
        assert abs(kernel.var() / variance - 1) < 0.15, name


@pytest.mark.parametrize("options", [{"local_kernel": 4}, {"dilated_kernel": 0}], ids=str)
def test_rejects_even_kernels(options):
    ((name, value),) = options.items()
    message = f"LargeKernelAttention: {name} must be an odd integer >= 1. Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        LargeKernelAttention(**options)


def test_rejects_a_dilation_below_one():
    message = "LargeKernelAttention: dilation must be an integer >= 1. Received: dilation=0"
    with pytest.raises(ValueError, match=message):
        LargeKernelAttention(dilation=0)
