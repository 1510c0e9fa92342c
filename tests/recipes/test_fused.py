"""A backend's one kernel trains as Keras's composed norm does."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from recipes.engine import fused

pytestmark = pytest.mark.skipif(
    keras.backend.backend() not in fused.KERNELS, reason="JAX keeps Keras's norms"
)
OPTIONS = {"num_classes": 3, "input_shape": (16, 16, 1), "mean": (0.5,), "std": (0.5,)}


def plain():
    """A small network whose norms scale and shift, some of them within a layer."""
    image = keras.Input((16, 16, 1))
    x = keras.layers.Rescaling(1 / 255)(image)
    for number in range(2):
        x = keras.layers.Conv2D(8, 3, 2, use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
        gate = ka.layers.get({"type": "cbam", "reduction": 2, "name": f"gate{number}"})
        x = gate(keras.layers.ReLU()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, name="head")(x))


def airbench():
    """One whose norms shift only."""
    return ka.models.build("airbench94", width=8, **OPTIONS)


def trained(network, prepare):
    """The losses of three steps and the weights after them, and the model."""
    keras.utils.set_random_seed(0)
    model = network()
    prepare(model)
    draws = np.random.default_rng(0)
    for layer in norms(model):
        if layer.scale:
            layer.gamma.assign(draws.uniform(0.5, 1.5, layer.gamma.shape))
    model.compile(
        keras.optimizers.SGD(0.05, 0.9),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    x = draws.uniform(0, 255, (8, 16, 16, 1)).astype("float32")
    y = np.eye(3, dtype="float32")[np.arange(8) % 3]
    losses = [float(model.train_on_batch(x, y)) for _ in range(3)]
    return losses, {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}, model


def norms(model):
    found = model._flatten_layers()
    return [layer for layer in found if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("network", [plain, airbench])
def test_a_fused_norm_trains_as_the_composed_one(network):
    losses, weights, _ = trained(network, lambda model: None)
    found, after, model = trained(network, fused.norms)
    assert all(type(layer) is not keras.layers.BatchNormalization for layer in norms(model))
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for path, weight in weights.items():
        np.testing.assert_allclose(after[path], weight, rtol=1e-4, atol=2e-5, err_msg=path)


def test_frozen_norms_keep_their_averages():
    keras.utils.set_random_seed(0)
    model = ka.models.build("preact_resnet20", **OPTIONS)
    x = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 1)).astype("float32")
    for layer in norms(model):
        layer.trainable = False
    wanted = keras.ops.convert_to_numpy(model(x, training=True))
    fused.norms(model)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(x, training=True)), wanted)


def test_other_norms_are_left_alone():
    model = keras.Sequential([keras.Input((5, 4)), keras.layers.BatchNormalization()])
    x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")
    wanted = keras.ops.convert_to_numpy(model(x, training=True))
    model.layers[0].moving_mean.assign(np.zeros(4))
    fused.norms(model)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(x, training=True)), wanted)


def test_the_averages_are_of_the_batch_divided_by_its_size():
    """With an epsilon so large that it cannot hide in rounding."""
    layer = keras.layers.BatchNormalization(momentum=0.5, epsilon=0.5)
    model = keras.Sequential([keras.Input((2, 2, 3)), layer])
    fused.norms(model)
    x = np.random.default_rng(0).normal(3, 2, (2, 2, 2, 3)).astype("float32")
    y = keras.ops.convert_to_numpy(model(x, training=True))
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 0.5), rtol=1e-4, atol=1e-5)
    found = [keras.ops.convert_to_numpy(w) for w in (layer.moving_mean, layer.moving_variance)]
    np.testing.assert_allclose(found[0], 0.5 * mean, rtol=1e-5)
    np.testing.assert_allclose(found[1], 0.5 + 0.5 * variance, rtol=1e-5)
