import functools

import numpy as np
import pytest

from keras_attention.layers import GatedAttentionPool
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import pooling

BAG = (2, 7, 6)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("shape", [BAG, SHAPE], ids=["bag", "map"])
def test_matches_the_paper(shape, gated, data_format):
    oracle = functools.partial(pooling.gated_pool, gated=gated)
    assert_matches(GatedAttentionPool(4, gated, data_format=data_format), oracle, shape)


def test_contract():
    check_layer(
        GatedAttentionPool,
        {"units": 4},
        shape=BAG,
        output=lambda shape: (shape[0], shape[-1]),
        scores=lambda shape: (2, 1, 7),
        rows=("",),
        mask=0,
        zero_gradients=("score/bias",),
    )


def test_weights():
    def weights(**options):
        return set(weight_shapes(built(GatedAttentionPool(4, **options), BAG)))

    value = {"value/kernel", "value/bias", "score/kernel", "score/bias"}
    assert weights(gated=False) == value
    assert weights() == value | {"gate/kernel", "gate/bias"}


def test_starts_as_the_mean():
    layer, x = built(GatedAttentionPool(4, identity_init=True), SHAPE), random_map()
    assert_close(layer(x), x.mean(axis=(1, 2)))


def test_the_order_of_the_instances_does_not_matter():
    layer, x = randomise(built(GatedAttentionPool(4), BAG)), random_map(BAG)
    assert_close(layer(x[:, ::-1].copy()), layer(x))


def test_bags_of_different_sizes():
    layer, x = randomise(built(GatedAttentionPool(4), BAG)), random_map(BAG)
    y = layer(x, mask=np.arange(7) < np.array([[7], [3]]))
    assert_close(y[:1], layer(x[:1]))
    assert_close(y[1:], layer(x[1:, :3]))
    assert not to_numpy(layer(x, mask=np.zeros((2, 7), bool))).any()


def test_rejects_units_below_one():
    message = "GatedAttentionPool: units must be an integer >= 1. Received: units=0"
    with pytest.raises(ValueError, match=message):
        GatedAttentionPool(0)
