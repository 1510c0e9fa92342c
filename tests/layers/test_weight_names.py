"""The names inside weight files: whoever changes one breaks every published file."""

import keras
import pytest

from keras_attention import layers
from tests.layers.tools import built, weight_shapes

# For maps of 32 channels.
CHANNEL_GATE = {
    "squeeze/kernel": (32, 2),
    "squeeze/bias": (2,),
    "excite/kernel": (2, 32),
    "excite/bias": (32,),
}
SPATIAL_GATE = {
    "conv/kernel": (7, 7, 2, 1),
    "norm/gamma": (1,),
    "norm/beta": (1,),
    "norm/moving_mean": (1,),
    "norm/moving_variance": (1,),
}
FROZEN = {
    "cbam": {
        **{f"channel_gate/{path}": shape for path, shape in CHANNEL_GATE.items()},
        **{f"spatial_gate/{path}": shape for path, shape in SPATIAL_GATE.items()},
    },
    "channel_gate": CHANNEL_GATE,
    "eca": {"conv/kernel": (3, 1, 1)},
    "se": CHANNEL_GATE,
    "spatial_gate": SPATIAL_GATE,
}


def test_every_layer_is_listed():
    assert list(FROZEN) == layers.list_layers()


@pytest.mark.parametrize("key", FROZEN)
def test_paths_and_attributes(key):
    layer = built(layers.get(key, name="gate"), (1, 8, 8, 32))
    assert weight_shapes(layer) == FROZEN[key]
    for path, shape in FROZEN[key].items():
        weight = layer
        for attribute in path.split("/"):
            weight = getattr(weight, attribute)
        assert weight.path == f"gate/{path}" and tuple(weight.shape) == shape


@pytest.mark.parametrize("key", FROZEN)
def test_the_blend_adds_one_name(key):
    layer = built(layers.get(key, identity_init=True), (1, 8, 8, 32))
    assert weight_shapes(layer) == {"identity_scale": (), **FROZEN[key]}


@pytest.mark.parametrize("key", FROZEN)
def test_the_name_of_the_class_in_saved_models(key):
    cls = type(layers.get(key))
    assert keras.saving.get_registered_name(cls) == f"keras_attention>{cls.__name__}"
