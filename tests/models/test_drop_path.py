"""Stochastic depth against NumPy, and where the builders put it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.models import drop_path
from keras_attention.models.drop_path import DropPath

from .nets import outline


def trained(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_images_are_dropped_whole_and_the_rest_scaled(dtype):
    x = np.random.default_rng(0).integers(-8, 8, (40, 3, 2)).astype("float32")
    draws = keras.random.uniform((40, 1, 1), seed=keras.random.SeedGenerator(7))
    kept = ops.convert_to_numpy(draws) >= 0.75
    assert 4 < kept.sum() < 20
    y = DropPath(0.75, seed=7, dtype=dtype)(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == dtype.removeprefix("mixed_")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.cast(y, "float32")), np.where(kept, x * 4, 0)
    )


def test_the_mean_is_kept():
    # Of 40,000 draws the mean has a deviation of 0.0025.
    assert trained(DropPath(0.2, seed=1), np.ones((40_000, 1), "float32")).mean() == pytest.approx(
        1, abs=0.01
    )


def test_nothing_happens_at_inference_or_without_a_rate():
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(DropPath(0.9)(x)), x)
    np.testing.assert_array_equal(trained(DropPath(0), x), x)


def test_a_compiled_step_draws_anew():
    image = keras.Input((1,))
    model = keras.Model(image, DropPath(0.5, seed=3)(keras.layers.Dense(1)(image)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = np.ones((64, 1), "float32"), np.zeros((64, 1), "float32")
    losses = {float(model.train_on_batch(x, y)) for _ in range(4)}
    assert len(losses) > 1
    np.testing.assert_allclose(
        model.predict(x, verbose=0), ops.convert_to_numpy(model(x)), atol=1e-6
    )


def test_config_and_states():
    layer = DropPath(0.25, seed=5, name="one")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    x = np.ones((50, 1), "float32")
    np.testing.assert_array_equal(trained(again, x), trained(layer, x))
    paths = {variable.path for name in "ab" for variable in DropPath(0.1, name=name).variables}
    assert paths == {"a_seed/seed_generator_state", "b_seed/seed_generator_state"}


def test_the_rate_rises_in_a_line():
    assert drop_path.ramp(0.3, (1, 2, 1)) == pytest.approx(
        {(1, 1): 0, (2, 1): 0.1, (2, 2): 0.2, (3, 1): 0.3}
    )
    assert drop_path.ramp(0.3, (1,)) == {(1, 1): 0}


NETS = [
    ("resnet18", {"width": 4, "stem": "small"}, ["drop"], 8),
    ("preact_resnet20", {"width": 4}, ["drop"], 9),
    ("vit_cifar_192x6", {"width": 12, "hidden": 4}, ["drop1", "drop2"], 6),
    ("cct_7_3x1_32", {"width": 12, "hidden": 4}, ["drop1", "drop2"], 7),
    ("vit_pwee_patch16_reg1_gap_256", {"width": 12, "hidden": 4}, ["drop1"], 16),
    ("swin_tiny_patch4_window7_224", {"width": 32}, ["drop1", "drop2"], 12),
    ("eca_resnext26ts", {}, ["drop"], 8),
]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a graph is alike on each backend")
@pytest.mark.parametrize(("name", "options", "parts", "blocks"), NETS)
def test_builders_drop_each_branch_but_the_first_block_s(name, options, parts, blocks):
    plain = outline(name, **options)
    model = outline(name, drop_path=0.2, **options)
    found = {layer.name: layer.rate for layer in model.layers if isinstance(layer, DropPath)}
    added = {layer.name for layer in model.layers} - {layer.name for layer in plain.layers}
    assert added == found.keys() and len(model.layers) == len(plain.layers) + len(found)
    assert {weight.path for weight in model.weights} == {weight.path for weight in plain.weights}
    numbers = [number for number in range(1, blocks) for _ in parts]
    assert sorted(found.values()) == pytest.approx([0.2 * n / (blocks - 1) for n in numbers])
    assert {layer.rpartition("_")[2] for layer in found} == set(parts)
    for layer in found:  # the branch alone goes through it: a sum follows, with another input
        (node,) = model.get_layer(layer)._outbound_nodes
        assert isinstance(node.operation, keras.layers.Add) and len(node.input_tensors) == 2


def test_wrong_rates():
    with pytest.raises(ValueError, match=r"drop_path must be in \[0, 1\). Received: drop_path=1"):
        outline("resnet18", drop_path=1)
    with pytest.raises(ValueError, match=r"DropPath: rate must be in \[0, 1\)"):
        DropPath(-0.1)
