"""What block and grid attention share; their own tests have what each sees."""

import functools

import numpy as np
import pytest

from keras_attention.layers import BlockAttention, GridAttention
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
)
from tests.oracles import windows
from tests.torch_oracles import core
from tests.torch_oracles.windows import copy_partition

# The class, the argument that is the side of a part, the oracle, and how timm names the partition.
LAYERS = {
    "block": (BlockAttention, "window_size", windows.block, "window"),
    "grid": (GridAttention, "grid_size", windows.grid, "grid"),
}
each = pytest.mark.parametrize(("cls", "side", "oracle", "timms"), LAYERS.values(), ids=LAYERS)


@each
@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper(cls, side, oracle, timms, data_format):
    layer = cls(4, key_dim=4, data_format=data_format)
    assert_matches(layer, functools.partial(oracle, **{side: 4}))


@each
def test_matches_the_paper_without_biases(cls, side, oracle, timms):
    oracle = functools.partial(oracle, num_heads=4, **{side: 3})
    assert_matches(cls(3, key_dim=2, use_bias=False), oracle)


@each
def test_matches_timm(cls, side, oracle, timms):
    timm = core.import_oracle("timm.models.maxxvit")
    bias = functools.partial(core.import_oracle("timm.layers").RelPosBias, window_size=(3, 3))
    source = core.seeded(lambda: timm.AttentionCl(16, dim_head=8, rel_pos_cls=bias))
    core.randomize(source)
    x = random_map((2, 6, 9, 16))
    layer = built(cls(3, key_dim=8), x.shape)
    copy_partition(source, layer)
    partition, reverse = (getattr(timm, f"{timms}_{what}") for what in ("partition", "reverse"))
    parts = partition(core.to_torch(x, "channels_first"), [3, 3])
    y = reverse(source.eval()(parts), [3, 3], [6, 9])
    assert_library(layer, x, core.from_torch(y, "channels_first"), "timm")


@each
def test_contract(cls, side, oracle, timms):
    check_layer(
        cls,
        {side: 4, "key_dim": 4},
        others={"key_dim": 8, "dropout": 0.5},
        scores=lambda shape: (shape[0], 2, shape[1] * shape[2], shape[1] * shape[2]),
        rows=("",),
        one_channel=False,
    )


@each
def test_a_constant_map_stays_constant_whatever_its_size(cls, side, oracle, timms):
    x = np.ones((1, 7, 9, 8), "float32")
    y = to_numpy(randomise(built(cls(4, key_dim=4), x.shape))(x))
    assert_close(y, np.broadcast_to(y[:, :1, :1], y.shape))


@each
def test_rejects_mistakes(cls, side, oracle, timms):
    for name in (side, "key_dim"):
        message = f"{cls.__name__}: {name} must be an integer >= 1. Received: {name}=0"
        with pytest.raises(ValueError, match=message):
            cls(**{name: 0})
    with pytest.raises(ValueError, match=f"{cls.__name__}: dropout must be in .* dropout=1"):
        cls(dropout=1)
    message = f"{cls.__name__} 'odd': key_dim must divide 8 channels. Received: key_dim=32"
    with pytest.raises(ValueError, match=message):
        built(cls(name="odd"))
