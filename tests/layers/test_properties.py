"""What holds of every layer on maps or tokens, for whatever shapes and options are drawn."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from keras_attention import layers
from keras_attention.layers.registry import ATTENTION
from tests.layers.tools import (
    assert_close,
    built,
    from_layout,
    random_map,
    randomise,
    run,
    to_layout,
    to_numpy,
)

# Each drawn shape is a compilation on JAX.
FEW = settings(deadline=None, max_examples=5 if keras.backend.backend() == "jax" else 25)

# What makes a layer legal for 8 channels and small sides.
SMALL = {
    "axial": {"num_heads": 2},
    "bam": {"reduction": 2},
    "block": {"window_size": 3, "key_dim": 4},
    "bot": {"num_heads": 2},
    "cbam": {"reduction": 2},
    "channel_gate": {"reduction": 2},
    "deformable": {"num_heads": 2},
    "gc": {"reduction": 2},
    "ge": {"reduction": 2},
    "grid": {"grid_size": 2, "key_dim": 4},
    "halo": {"block_size": 4, "halo_size": 1, "num_heads": 2},
    "lambda": {"num_heads": 2, "key_dim": 4, "kernel_size": 3},
    "linear": {"num_heads": 2},
    "mhsa": {"num_heads": 2},
    "sagan": {"pool": False},
    "se": {"reduction": 2},
    "shuffle": {"groups": 2},
    "sk": {"groups": 2},
    "structured": {"output": "gate"},
    "window": {"window_size": 3, "num_heads": 2},
}
ON_MAPS = sorted(
    key
    for key, layer in ATTENTION.items()
    if 4 in layer.ranks and {"gate", "mixer"} & set(layer.slots) and "pair" not in layer.slots
)
# Self-attention that does not know where a token is.
WITHOUT_ORDER = ("external", "linear", "mhsa", "non_local", "talking_heads")

maps = some.tuples(some.integers(1, 3), some.integers(2, 9), some.integers(2, 9), some.just(8))


@FEW
@given(key=some.sampled_from(ON_MAPS), shape=maps)
def test_the_shape_stays_and_the_data_format_does_not_matter(key, shape):
    found = []
    for data_format in ("channels_last", "channels_first"):
        options = {**SMALL.get(key, {}), "data_format": data_format, "name": "layer"}
        layer = randomise(built(layers.get(key, **options), shape), scale=0.3)
        y = run(layer, to_layout(random_map(shape), data_format))
        found.append(from_layout(to_numpy(y), data_format))
    assert found[0].shape == shape and np.isfinite(found[0]).all()
    assert_close(found[1], found[0], 1e-5 * max(1, np.abs(found[0]).max()))


@FEW
@given(
    key=some.sampled_from(("se", "channel_gate", "cbam", "gc")),
    channels=some.integers(1, 40),
    reduction=some.integers(1, 20),
)
def test_the_hidden_width_is_the_share_of_the_channels(key, channels, reduction):
    layer = layers.get(key, reduction=reduction)
    if reduction <= channels:
        squeeze = getattr(built(layer, (1, 4, 4, channels)), "channel_gate", layer).squeeze
        assert squeeze.units == channels // reduction
    else:
        with pytest.raises(ValueError, match=f"the {channels} channels.*reduction={reduction}"):
            layer.build((1, 4, 4, channels))


@FEW
@given(
    key=some.sampled_from(WITHOUT_ORDER),
    heads=some.sampled_from((1, 2, 4)),
    tokens=some.integers(1, 12),
    data=some.data(),
)
def test_shuffled_tokens_give_the_shuffled_output(key, heads, tokens, data):
    order = data.draw(some.permutations(range(tokens)))
    options = {} if key in ("external", "non_local") else {"num_heads": heads}
    shape = (2, tokens, 8)
    layer = randomise(built(layers.get(key, **options), shape), scale=0.3)
    x = random_map(shape)
    y, shuffled = to_numpy(run(layer, x)), to_numpy(run(layer, x[:, order]))
    assert_close(shuffled, y[:, order], 1e-5 * max(1, np.abs(y).max()))


@FEW
@given(
    key=some.sampled_from(("se", "ese", "eca", "channel_gate", "gct", "srm")),
    rows=some.integers(0, 6),
    columns=some.integers(0, 8),
)
def test_gates_on_channels_do_not_mind_where_things_are(key, rows, columns):
    x = random_map((2, 6, 8, 8))
    layer = layers.get(key, **SMALL.get(key, {}), data_format="channels_last")
    randomise(built(layer, x.shape))
    moved = run(layer, np.roll(x, (rows, columns), (1, 2)))
    assert_close(moved, np.roll(to_numpy(run(layer, x)), (rows, columns), (1, 2)))


@FEW
@given(heads=some.integers(1, 6), channels=some.integers(1, 24))
def test_heads_must_share_out_the_channels(heads, channels):
    layer = layers.get("mhsa", num_heads=heads)
    if channels % heads == 0:
        assert built(layer, (1, 3, channels)).qkv.units == 3 * channels
    else:
        with pytest.raises(ValueError, match=f"Received: num_heads={heads}"):
            layer.build((1, 3, channels))
