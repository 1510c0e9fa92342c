import functools

import numpy as np
import pytest

from keras_attention.layers import AttentionPool
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_library,
    assert_matches,
    built,
    gradients,
    random_map,
    randomise,
    to_layout,
    to_numpy,
    weight_shapes,
)
from tests.oracles import pooling
from tests.oracles.maths import relu
from tests.torch_oracles import core
from tests.torch_oracles.pooling import copy_attention_pool

TOKENS = (2, 7, 8)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("num_queries", [1, 3])
def test_matches_the_paper(num_queries, data_format):
    layer = AttentionPool(2, num_queries, data_format=data_format)
    assert_matches(layer, functools.partial(pooling.attention_pool, heads=2), SHAPE)


def test_matches_the_paper_with_other_arguments():
    layer = AttentionPool(4, mlp_ratio=1.5, epsilon=0.1, activation="relu")
    oracle = functools.partial(pooling.attention_pool, heads=4, epsilon=0.1, activation=relu)
    assert_matches(layer, oracle, TOKENS)
    oracle = functools.partial(pooling.attention_pool, heads=2, use_norm=False)
    assert_matches(AttentionPool(2, use_norm=False), oracle, TOKENS)


@pytest.mark.parametrize("use_norm", [True, False])
def test_matches_timm(use_norm):
    timm = core.import_oracle("timm.layers.attention_pool")
    import torch

    norm = functools.partial(torch.nn.LayerNorm, eps=1e-6) if use_norm else None
    source = core.seeded(lambda: timm.AttentionPoolLatent(32, num_heads=4, norm_layer=norm))
    core.randomize(source)
    x = random_map((2, 7, 32))
    layer = built(AttentionPool(4, use_norm=use_norm), x.shape)
    copy_attention_pool(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_matches_timm_with_more_queries_and_a_mask():
    timm = core.import_oracle("timm.layers.attention_pool")
    import torch

    make = functools.partial(timm.AttentionPoolLatent, 32, num_heads=4, latent_len=3)
    source = core.seeded(lambda: make(pool_type="", norm_layer=torch.nn.LayerNorm))
    core.randomize(source)
    x, mask = random_map((2, 7, 32)), np.arange(7) < np.array([[7], [4]])
    layer = built(AttentionPool(4, 3, epsilon=1e-5), x.shape)
    copy_attention_pool(source, layer)
    with torch.no_grad():
        expected = source.eval()(torch.from_numpy(x), torch.from_numpy(mask)[:, None, None])
    assert_close(layer(x, mask=mask), core.from_torch(expected), 1e-5 * float(expected.abs().max()))


def test_contract():
    check_layer(
        AttentionPool,
        {"num_heads": 2},
        others={"num_heads": 4, "epsilon": 0.1, "activation": "relu"},
        shape=TOKENS,
        output=lambda shape: (shape[0], shape[-1]),
        scores=lambda shape: (2, 2, 7),
        rows=("",),
        mask=0,
        one_channel=False,
        weight_scale=0.3,
    )


def test_weights():
    layer = built(AttentionPool(2, 50, mlp_ratio=1.5), (1, None, 8))
    assert weight_shapes(layer) == {
        "latent": (1, 50, 8),
        "query/kernel": (8, 8),
        "query/bias": (8,),
        "key_value/kernel": (8, 16),
        "key_value/bias": (16,),
        "proj/kernel": (8, 8),
        "proj/bias": (8,),
        "norm/gamma": (8,),
        "norm/beta": (8,),
        "mlp_in/kernel": (8, 12),
        "mlp_in/bias": (12,),
        "mlp_out/kernel": (12, 8),
        "mlp_out/bias": (8,),
    }
    latent = to_numpy(layer.latent) * np.sqrt(8)
    assert np.abs(latent).max() <= 2 and 0.8 < latent.std() < 0.95  # cut at two deviations


def test_the_bias_of_the_keys_does_not_learn():
    layer, x = randomise(built(AttentionPool(2), TOKENS), scale=0.3), random_map(TOKENS)
    found = gradients(layer, x)["key_value/bias"]
    assert np.abs(found[:8]).max() < 1e-5 * np.abs(found[8:]).max()


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_a_map_is_its_tokens(data_format):
    layer, x = AttentionPool(2, data_format=data_format), random_map()
    randomise(built(layer, SHAPE), scale=0.3)
    tokens = AttentionPool(2)
    tokens.build((2, 63, 8))
    randomise(tokens, scale=0.3)
    mask = np.arange(63) < np.array([[63], [20]])
    expected = tokens(x.reshape(2, 63, 8), mask=mask)
    assert_close(layer(to_layout(x, data_format), mask=mask), expected)


def test_the_order_of_the_tokens_does_not_matter():
    layer, x = randomise(built(AttentionPool(2), TOKENS), scale=0.3), random_map(TOKENS)
    assert_close(layer(x[:, ::-1].copy()), layer(x))


def test_nothing_is_left():
    layer, x = randomise(built(AttentionPool(2), TOKENS), scale=0.3), random_map(TOKENS)
    mask = np.zeros((2, 7), bool)
    y, scores = layer(x, mask=mask, return_attention_scores=True)
    assert not to_numpy(scores).any()
    assert_close(y, layer(x * 2, mask=mask))


@pytest.mark.parametrize(
    "name, value", [("num_heads", 0), ("num_queries", 0), ("mlp_ratio", 0), ("epsilon", 0.0)]
)
def test_rejects_arguments(name, value):
    with pytest.raises(ValueError, match=f"AttentionPool: {name} must be .* Received: {name}="):
        AttentionPool(**{name: value})


@pytest.mark.parametrize("options", [{"num_heads": 3}, {"num_heads": 2, "mlp_ratio": 0.1}], ids=str)
def test_rejects_channels(options):
    message = f"Received: channels=8, num_heads={options['num_heads']}, mlp_ratio="
    with pytest.raises(ValueError, match=message):
        AttentionPool(**options).build(TOKENS)
