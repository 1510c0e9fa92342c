import keras
import numpy as np
import pytest

from keras_attention.models.conditional_norm import ConditionalBatchNorm
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    from_layout,
    random_map,
    randomise,
    run,
    to_layout,
    to_numpy,
    weight_values,
)

SHAPE, LABELS = (4, 3, 5, 6), np.array([2, 0, 2, 1], "int32")


def made(data_format="channels_last", **options):
    layer = ConditionalBatchNorm(3, 0.75, 1e-3, data_format, **options)
    layer.build(to_layout(np.zeros(SHAPE), data_format).shape, (None,))
    return randomise(layer)


class Both(keras.layers.Layer):
    """The layer on a list, as `run` calls it."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.built = layer, True

    def call(self, inputs, training=None):
        return self.layer(*inputs, training=training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_equation(data_format, training):
    layer, x = made(data_format), random_map(SHAPE)
    weights = weight_values(layer)
    moving = weights["norm/moving_mean"], weights["norm/moving_variance"]
    batch = x.astype("float64").mean((0, 1, 2)), x.astype("float64").var((0, 1, 2))
    mean, variance = batch if training else moving
    scale, shift = (weights[name][LABELS][:, None, None] for name in ("gamma", "beta"))
    expected = scale * (x - mean) / np.sqrt(variance + 1e-3) + shift
    y = run(Both(layer), [to_layout(x, data_format), LABELS], training=training)
    assert_close(from_layout(to_numpy(y), data_format), expected)
    after = weight_values(layer)
    for name, old, new in zip(("moving_mean", "moving_variance"), moving, batch, strict=True):
        assert_close(after[f"norm/{name}"], 0.75 * old + 0.25 * new if training else old)


def test_starts_as_a_plain_normalisation():
    layer = ConditionalBatchNorm(3)
    layer.build(SHAPE, (None,))
    plain = keras.layers.BatchNormalization(epsilon=1e-5)
    x = random_map(SHAPE)
    assert_close(layer(x, LABELS, training=True), plain(x, training=True))


def test_a_label_that_is_none_gives_no_number():
    y = to_numpy(made()(random_map(SHAPE), np.array([-1, 0, 3, 2], "int32")))
    assert np.isnan(y[[0, 2]]).all() and np.isfinite(y[[1, 3]]).all()


def test_a_step_of_adam_sums_the_images_of_a_class():
    """Its first step is as long as its rate; TensorFlow's sparse gradients are squared apart."""
    layer, x = made(), random_map(SHAPE)
    inputs = [keras.Input(SHAPE[1:]), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, layer(*inputs))
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    before = weight_values(layer)["gamma"]
    model.train_on_batch([x, np.array([1, 1, 1, 2], "int32")], np.zeros(SHAPE))
    step = np.abs(weight_values(layer)["gamma"] - before)
    assert_close(step, np.array([0, 0.1, 0.1])[:, None] * np.ones(6), 1e-3)


def test_half_precision():
    layer, half = made(), made(dtype="mixed_bfloat16")
    y = half(random_map(SHAPE), LABELS)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in half.weights} == {"float32"}
    expected = to_numpy(layer(random_map(SHAPE), LABELS))
    assert_close(y, expected, 2e-2 * np.abs(expected).max())


def test_config_and_file(tmp_path):
    layer = made("channels_first", name="norm")
    again = ConditionalBatchNorm.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    inputs = [keras.Input((6, 3, 5)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = [to_layout(random_map(SHAPE), "channels_first"), LABELS]
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


def test_rejects_no_classes():
    message = "ConditionalBatchNorm: num_classes must be an integer >= 1. Received: num_classes=0"
    with pytest.raises(ValueError, match=message):
        ConditionalBatchNorm(0)
