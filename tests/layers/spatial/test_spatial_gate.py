import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import SpatialGate
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    from_layout,
    random_map,
    randomise,
    to_layout,
    to_numpy,
    weight_values,
)
from tests.oracles import maths, spatial
from tests.torch_oracles import core, gates


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("kernel_size", [3, 7])
@pytest.mark.parametrize("use_norm", [True, False])
def test_matches_the_paper(data_format, kernel_size, use_norm):
    layer = SpatialGate(kernel_size, use_norm, data_format=data_format)
    assert_matches(layer, functools.partial(spatial.spatial_gate, use_norm=use_norm))


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(spatial.spatial_gate, epsilon=0.5)
    assert_matches(SpatialGate(3, epsilon=0.5), oracle)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_training_normalises_by_the_batch_and_keeps_running_statistics(data_format):
    x = random_map()
    layer = randomise(built(SpatialGate(3, momentum=0.9, data_format=data_format)))
    weights = weight_values(layer)
    descriptors = np.stack([x.max(-1), x.mean(-1)], axis=-1).astype("float64")
    logits = maths.convolution(descriptors, weights["conv/kernel"])
    mean, variance = logits.mean(), logits.var()
    batch = {**weights, "norm/moving_mean": mean, "norm/moving_variance": variance}
    expected, _ = spatial.spatial_gate(x, batch)
    y = layer(to_layout(x, data_format), training=True)
    assert_close(from_layout(to_numpy(y), data_format), expected)
    after = weight_values(layer)
    for name, new in {"norm/moving_mean": mean, "norm/moving_variance": variance}.items():
        assert_close(after[name], 0.9 * weights[name] + 0.1 * new, what=name)


@pytest.mark.parametrize("library", ["pytorchcv", "timm"])
def test_matches_another_library(library):
    if library == "timm":
        source = core.import_oracle("timm.layers.cbam").SpatialAttn()
    else:
        source = core.import_oracle("pytorchcv.models.cbamresnet").SpatialGate()
    core.randomize(source)
    x = random_map((2, 7, 9, 8))
    layer = built(SpatialGate(), x.shape)
    gates.copy_spatial_gate(source.conv, layer, mean_first=library == "timm")
    assert_library(layer, x, core.run(source, x), library)


@pytest.mark.parametrize("use_norm", [True, False])
def test_contract(use_norm):
    check_layer(
        SpatialGate,
        {"kernel_size": 3, "use_norm": use_norm},
        others={"epsilon": 0.1, "gamma_initializer": "ones"},
        idle=() if use_norm else ("epsilon", "momentum", "gamma_initializer"),
        torch_float16_gradient=False,
    )


def test_starts_as_a_half():
    x, layer = random_map(), SpatialGate()
    assert_equal(layer(x), x / 2)
    assert isinstance(layer.conv.kernel_initializer, keras.initializers.HeNormal)


@pytest.mark.parametrize("size", [0, 2, 7.0])
def test_rejects_even_kernels(size):
    message = f"SpatialGate: kernel_size must be an odd integer >= 1. Received: kernel_size={size}"
    with pytest.raises(ValueError, match=message):
        SpatialGate(size)
