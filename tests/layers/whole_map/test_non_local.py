import functools

import numpy as np
import pytest

from keras_attention.layers import NonLocal
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    SHAPE,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_inputs,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import whole_map
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles

MODES = ("embedded_gaussian", "gaussian", "dot_product", "concatenate")


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_matches_the_paper(mode, data_format):
    oracle = functools.partial(whole_map.non_local, mode=mode)
    assert_matches(NonLocal(mode, data_format=data_format), oracle)


@pytest.mark.parametrize("options", [{"scale": True}, {"use_norm": False}], ids=str)
@pytest.mark.parametrize("mode", ["embedded_gaussian", "gaussian"])
def test_matches_the_paper_scaled_or_without_norm(mode, options):
    oracle = functools.partial(whole_map.non_local, mode=mode, **options)
    assert_matches(NonLocal(mode, hidden=3, **options), oracle)


@pytest.mark.parametrize("shape", [(2, 5, 6), SHAPE, (2, 3, 5, 4, 6)], ids=len)
@pytest.mark.parametrize("mode", MODES)
def test_subsamples_tokens_maps_and_frames(mode, shape):
    oracle = functools.partial(whole_map.non_local, mode=mode, subsample=True)
    assert_matches(NonLocal(mode, subsample=True), oracle, shape)


@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 3, 5, 4, 6)], ids=len)
def test_matches_the_paper_on_tokens_and_videos(shape):
    assert_matches(NonLocal(), whole_map.non_local, shape)


# Of equal width, timm's scale by the channels is ours by the width of the products.
@pytest.mark.parametrize("hidden, scale", [(6, False), (16, True)])
def test_matches_timm(hidden, scale):
    timm = core.import_oracle("timm.layers.non_local_attn")
    source = core.seeded(lambda: timm.NonLocalAttn(16, use_scale=scale, rd_channels=hidden))
    core.randomize(source)
    x = random_inputs((2, 7, 9, 16))
    layer = built(NonLocal(hidden=hidden, scale=scale), x.shape)
    torch_oracles.copy_non_local(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


def test_contract():
    check_layer(
        NonLocal,
        others={"mode": "dot_product", "hidden": 3},
        together={"mode": "dot_product", "hidden": 3, "subsample": True, "use_norm": False},
        scores=lambda shape: (shape[0], 1, 63, 63),
        rows=("",),
        zero_gradients=("phi/bias", "value/bias", "out/bias"),
    )


@pytest.mark.parametrize("mode", ["dot_product", "concatenate"])
def test_contract_without_softmax(mode):
    check_layer(
        NonLocal,
        {"mode": mode, "use_norm": False},
        others={"mode": "gaussian", "hidden": 3, "scale": With(True, mode="gaussian")},
        together={"mode": "gaussian", "hidden": 3, "scale": True, "subsample": True},
        shape=(2, 9, 8),
        scores=lambda shape: (shape[0], 1, 9, 9),
    )


@pytest.mark.parametrize("mode", MODES)
def test_permuted_positions_give_the_permuted_output(mode):
    x, order = random_inputs((2, 9, 8)), np.random.default_rng(0).permutation(9)
    layer = randomise(built(NonLocal(mode), x.shape))
    y, scores = layer(x, return_attention_scores=True)
    permuted, permuted_scores = layer(x[:, order], return_attention_scores=True)
    assert_close(permuted, to_numpy(y)[:, order])
    assert_close(permuted_scores, to_numpy(scores)[:, :, order][..., order])


@pytest.mark.parametrize("use_norm", [True, False])
def test_starts_as_the_identity_without_being_asked(use_norm):
    x = random_inputs()
    layer = built(NonLocal(use_norm=use_norm))
    assert np.array_equal(to_numpy(layer(x)), x)


def test_widths():
    shapes = weight_shapes(built(NonLocal("concatenate"), (1, 5, 12)))
    assert shapes["theta/kernel"] == shapes["phi/kernel"] == shapes["value/kernel"] == (12, 6)
    assert shapes["out/kernel"] == (6, 12) and shapes["relation"] == (12,)


def test_no_two_kernels_start_alike():
    layer = built(NonLocal())
    theta, phi, value = (to_numpy(part.kernel) for part in (layer.theta, layer.phi, layer.value))
    assert 0.005 < theta.std() < 0.015
    assert not np.array_equal(theta, phi) and not np.array_equal(phi, value)


def test_large_maps_do_not_overflow_in_half_precision():
    x = 30 * random_inputs((1, 6, 512))  # x . x is about 500,000
    y, scores = NonLocal("gaussian", dtype="mixed_float16")(x, return_attention_scores=True)
    assert np.isfinite(to_numpy(y)).all() and np.isfinite(to_numpy(scores)).all()


def test_rejects_unknown_modes():
    message = "one of .*Did you mean 'dot_product'.* Received: mode='dotproduct'"
    with pytest.raises(ValueError, match=message):
        NonLocal("dotproduct")


@pytest.mark.parametrize("mode", ["dot_product", "concatenate"])
def test_rejects_a_scale_without_softmax(mode):
    message = f"scale must be False .* mode='{mode}'. Received: scale=True"
    with pytest.raises(ValueError, match=message):
        NonLocal(mode, scale=True)


def test_rejects_a_width_below_one():
    with pytest.raises(ValueError, match="hidden must be an integer >= 1. Received: hidden=0"):
        NonLocal(hidden=0)
