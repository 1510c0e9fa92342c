import functools

import numpy as np
import pytest

from keras_attention.layers import LambdaLayer
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
from tests.oracles import windows
from tests.torch_oracles import core
from tests.torch_oracles.windows import copy_lambda


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(data_format):
    assert_matches(LambdaLayer(2, 4, 5, data_format=data_format), windows.lambdas)


@pytest.mark.parametrize("kernel_size", [3, None])
def test_matches_the_paper_with_biases_other_filters_and_strides(kernel_size):
    oracle = functools.partial(windows.lambdas, key_dim=3, strides=2)
    layer = LambdaLayer(2, 3, kernel_size, 6, 2, use_bias=True, position_bias=True)
    assert_matches(layer, oracle)


def test_matches_timm():
    timm = core.import_oracle("timm.layers.lambda_layer")
    source = core.seeded(lambda: timm.LambdaLayer(16, stride=2, num_heads=2, dim_head=4, r=5))
    core.randomize(source)
    x = random_map((2, 6, 8, 16))
    layer = built(LambdaLayer(2, 4, 5, strides=2, position_bias=True), x.shape)
    copy_lambda(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("kernel_size", [5, None])
def test_contract(kernel_size):
    check_layer(
        LambdaLayer,
        {"num_heads": 2, "key_dim": 4, "kernel_size": kernel_size},
        others={"num_heads": 1, "kernel_size": 3, "filters": 6},
        scores=lambda shape: (shape[0], 2, 63, 63),
        dynamic=kernel_size is not None,
        one_channel=False,
    )


def test_the_scores_are_the_weights_of_the_normalised_values():
    """y = scores v, though the layer never makes that matrix for its output."""
    x = random_map()
    layer = randomise(built(LambdaLayer(2, 4, 5)))
    y, scores = layer(x, return_attention_scores=True)
    weights = weight_values(layer)
    value = x.reshape(2, 63, 8) @ weights["qkv/kernel"][:, 12:]
    value = windows.batch_norm(value, weights, "value_norm", 1e-5)
    expected = windows.joined(np.einsum("bhnm,bmv->bhnv", to_numpy(scores), value))
    expected = expected.reshape(2, 7, 9, 8)
    assert_close(to_numpy(y) / np.abs(expected).max(), expected / np.abs(expected).max())


def test_a_kernel_over_the_map_is_the_widest_local_one():
    x = random_map((1, 4, 4, 8))
    local, whole = (randomise(built(LambdaLayer(2, 4, size), x.shape)) for size in (7, None))
    assert weight_shapes(local) == weight_shapes(whole)
    assert_close(local(x), whole(x))


def test_position_lambdas_are_local_and_content_lambdas_are_not():
    x = random_map((1, 7, 9, 8))
    layer = randomise(built(LambdaLayer(2, 4, 3), x.shape))
    _, scores = layer(x, return_attention_scores=True)
    layer.position.kernel.assign(layer.position.kernel * 0)
    _, content = layer(x, return_attention_scores=True)
    local = np.abs(to_numpy(scores) - to_numpy(content))[0, 0].reshape(7, 9, 7, 9)[4, 1] > 1e-6
    expected = np.zeros((7, 9), bool)
    expected[3:6, 0:3] = True
    assert np.array_equal(local, expected)
    # The softmax over positions is shared by the queries: each row is q . softmax(k).
    assert np.linalg.matrix_rank(to_numpy(content)[0, 0], tol=1e-3) <= 4


def test_queries_and_values_are_normalised_by_the_batch_in_training():
    x = random_map()
    layer = built(LambdaLayer(2, 4, 5))
    layer(x, training=True)
    qkv = x.reshape(-1, 8) @ to_numpy(layer.qkv.kernel)
    for norm, part in ((layer.query_norm, qkv[:, :8]), (layer.value_norm, qkv[:, 12:])):
        assert_close(norm.moving_mean, 0.1 * part.mean(0))
        assert_close(norm.moving_variance, 0.9 + 0.1 * part.var(0))


@pytest.mark.parametrize("name", ["num_heads", "key_dim", "filters", "strides"])
def test_rejects_numbers_below_one(name):
    message = f"LambdaLayer: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        LambdaLayer(**{name: 0})


def test_rejects_even_kernels():
    message = "LambdaLayer: kernel_size must be an odd integer >= 1. Received: kernel_size=4"
    with pytest.raises(ValueError, match=message):
        LambdaLayer(kernel_size=4)


def test_rejects_heads_that_do_not_divide_the_filters():
    message = "LambdaLayer 'odd': num_heads must divide 6 filters. Received: num_heads=4"
    with pytest.raises(ValueError, match=message):
        built(LambdaLayer(filters=6, name="odd"))


def test_rejects_unknown_sizes_where_the_kernel_depends_on_them():
    message = "needs a fixed height and width. Received: input_shape=.None, None, 9, 8."
    with pytest.raises(ValueError, match=message):
        LambdaLayer(2, kernel_size=None).build((None, None, 9, 8))
    layer = built(LambdaLayer(2, 4, None))
    with pytest.raises(ValueError, match="expected shape=.None, 7, 9, 8., found shape=.2, 9, 7, 8"):
        layer(random_map((2, 9, 7, 8)))
