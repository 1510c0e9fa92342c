import keras
import numpy as np
import pytest

from keras_attention.layers.spectral_norm import SpectralConv2D, SpectralDense
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    from_layout,
    gradients,
    random_inputs,
    to_layout,
    to_numpy,
)
from tests.torch_oracles import core
from tests.torch_oracles import whole_map as torch_oracles

TOKENS, MAP = (4, 3, 6), (2, 5, 4, 3)


def made(cls, **options):
    """A built layer and an input."""
    if cls is SpectralDense:
        layer, shape = SpectralDense(5, bias_initializer="random_normal", **options), TOKENS
    else:
        layer, shape = SpectralConv2D(5, 3, **options), MAP
    keras.utils.set_random_seed(0)
    layer.build(shape)
    return layer, random_inputs(shape)


def matrix(layer):
    return to_numpy(layer.kernel).reshape(-1, 5)


def converged(layer, x):
    for _ in range(100):
        layer(x, training=True)
    return layer


def loss(layer, x):
    """What `gradients` differentiates, in inference."""
    y = to_numpy(layer(x))
    return (y * np.random.default_rng(1).normal(size=y.shape)).sum()


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_the_power_method_finds_the_largest_singular_value(cls):
    layer, x = made(cls)
    converged(layer, x)
    largest = np.linalg.svd(matrix(layer), compute_uv=False)[0]
    normalised = to_numpy(layer.normalised_kernel(update=False))
    assert_close(normalised, to_numpy(layer.kernel) / largest, 1e-4)
    u = to_numpy(layer.u)
    assert_close(np.linalg.norm(u), np.array(1.0))
    assert_close(np.abs(np.linalg.svd(matrix(layer))[2][0] @ u), np.array(1.0))


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_matches_torch(cls):
    """Step by step: values, gradients and the vector."""
    torch = core.import_oracle("torch")
    layer, x = made(cls)

    def parametrized():
        plain = (
            torch.nn.Linear(6, 5) if cls is SpectralDense else torch.nn.Conv2d(3, 5, 3, padding=1)
        )
        return torch.nn.utils.parametrizations.spectral_norm(plain)

    source = core.seeded(parametrized)
    torch_oracles.copy_spectral(source, layer)
    for _ in range(3):
        expected = source.train()(core.to_torch(x))
        found = gradients(layer, x)  # in training mode; on JAX this leaves the vector as it was
        factors = np.random.default_rng(1).normal(size=to_numpy(layer(x)).shape)
        source.zero_grad()
        (expected * core.to_torch(factors.astype("float32"))).sum().backward()
        kernel = core.array_of(source.parametrizations.weight.original.grad)
        ours = (
            np.moveaxis(found["kernel"], (-1, -2), (0, 1)) if kernel.ndim > 2 else found["kernel"].T
        )
        assert_close(ours, kernel, 1e-5 * np.abs(kernel).max(), what="gradient")
        assert_close(found["bias"], core.array_of(source.bias.grad), 1e-4, what="gradient of bias")
        if keras.backend.backend() == "jax":
            layer(x, training=True)
        u = core.array_of(source.parametrizations.weight[0]._u)
        assert_close(layer.u, u, what="vector")
        assert_close(layer(x), core.run(source, x))


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_the_gradient_goes_through_the_singular_value(cls):
    layer, x = made(cls)
    found = gradients(converged(layer, x), x)["kernel"]
    kernel, step = to_numpy(layer.kernel), 1e-2
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=kernel.shape)
        ends = []
        for sign in (1, -1):
            layer.kernel.assign(kernel + sign * step * direction)
            ends.append(loss(layer, x))
        layer.kernel.assign(kernel)
        difference = (ends[0] - ends[1]) / (2 * step)
        assert abs((found * direction).sum() - difference) < 0.01 * np.linalg.norm(found)
    # A longer kernel is the same kernel; without the gradient of sigma this would be large.
    assert abs((found * kernel).sum()) < 1e-4 * np.abs(found * kernel).sum()


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_a_multiple_of_the_kernel_gives_the_same(cls):
    layer, x = made(cls)
    y = to_numpy(layer(x))
    layer.kernel.assign(7 * layer.kernel)
    assert_close(layer(x), y)


def test_when_the_vector_moves():
    layer, x = made(SpectralDense)

    def moves(**call):
        before = to_numpy(layer.u)
        layer(x, **call)
        return not np.array_equal(before, to_numpy(layer.u))

    assert moves(training=True) and moves(update=True) and moves(training=False, update=True)
    assert not moves() and not moves(training=False) and not moves(training=True, update=False)
    layer.trainable = False
    assert not moves(training=True) and moves(update=True)


def test_two_passes_in_one_step_have_gradients():
    """As a discriminator has, which sees real and generated images."""

    class Twice(keras.layers.Layer):
        def call(self, x, training=None):
            first = self.dense(x, training=training)
            return first + self.dense(2 * x, training=training) + self.dense(3 * x)

    layer, x = made(SpectralDense)
    twice = Twice()
    twice.dense = converged(layer, x)
    twice.built = True
    (found,) = (value for path, value in gradients(twice, x).items() if path.endswith("kernel"))
    once = gradients(layer, x)["kernel"]
    assert_close(found, 6 * once, 1e-4 * np.abs(found).max())


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_a_kernel_of_zeros_stays_zeros(cls):
    layer, x = made(cls, kernel_initializer="zeros")
    for training in (False, True):
        bias = np.broadcast_to(to_numpy(layer.bias), (*x.shape[:-1], 5))
        assert_close(layer(x, training=training), bias)
    assert np.isfinite(gradients(layer, x)["kernel"]).all()
    assert np.isfinite(to_numpy(layer.u)).all()


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize(
    "options", [{"strides": 2}, {"padding": "valid"}, {"use_bias": False}], ids=str
)
def test_matches_a_convolution_with_the_quotient(options, data_format):
    x = random_inputs(MAP)
    shared = {**options, "data_format": data_format}
    layer = SpectralConv2D(5, (3, 2), **shared)
    plain = keras.layers.Conv2D(5, (3, 2), **{"padding": "same", **shared})
    given = to_layout(x, data_format)
    layer.build(given.shape)
    plain.build(given.shape)
    plain.kernel.assign(layer.normalised_kernel(update=False))
    if layer.use_bias:
        layer.bias.assign(np.arange(5.0))
        plain.bias.assign(np.arange(5.0))
    y = to_numpy(layer(given))
    assert_close(y, plain(given))
    assert from_layout(y, data_format).shape[-1] == 5


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_the_weights_whole(policy):
    layer, x = made(SpectralDense)
    half = SpectralDense(5, dtype=policy)
    half.build(TOKENS)
    half.set_weights(layer.get_weights())
    y = half(x, training=True)
    expected = to_numpy(layer(x, training=True))
    assert keras.backend.standardize_dtype(y.dtype) == half.compute_dtype
    assert {keras.backend.standardize_dtype(w.dtype) for w in half.weights} == {"float32"}
    assert_close(half.u, layer.u, 1e-6)
    assert_close(y, expected, 2e-2 * np.abs(expected).max())


@pytest.mark.parametrize("cls", [SpectralDense, SpectralConv2D])
def test_config_and_file(cls, tmp_path):
    layer, x = made(cls, use_bias=False, name="spectral", kernel_initializer="he_normal")
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    image = keras.Input(x.shape[1:])
    model = keras.Model(image, layer(image))
    converged(layer, x)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert np.array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


def test_learns_in_fit():
    x = random_inputs((8, 6))
    model = keras.Sequential([keras.Input((6,)), SpectralDense(1, name="spectral")])
    model.compile("sgd", "mse")
    before = [to_numpy(weight) for weight in model.weights]
    model.fit(x, x[:, :1], epochs=1, verbose=0)
    for old, new in zip(before, model.weights, strict=True):
        assert not np.array_equal(old, to_numpy(new)), new.path


class TwoSteps(keras.layers.Layer):
    """A convolution after a doubling or before a halving."""

    def __init__(self, conv, resample):
        super().__init__()
        self.conv, self.resample, self.built = conv, resample, True

    def call(self, x, training=None):
        if self.resample == "up":
            x = keras.ops.repeat(keras.ops.repeat(x, 2, 1), 2, 2)
        y = self.conv(x, training=training)
        return y if self.resample == "up" else keras.ops.average_pool(y, 2, 2)


@pytest.mark.parametrize("resample", ["up", "down"])
def test_a_resampling_convolution_equals_two_steps(resample):
    x = random_inputs((2, 6, 4, 3))
    layer, plain = SpectralConv2D(5, 3, resample=resample), SpectralConv2D(5, 3)
    for each in (layer, plain):
        each.build(x.shape)
    plain.set_weights(layer.get_weights())
    steps = TwoSteps(plain, resample)
    assert_close(layer(x), steps(x))
    found, expected = gradients(layer, x), gradients(steps, x)
    for name, value in expected.items():
        assert_close(found[name.split("/")[-1]], value, 1e-5 * np.abs(value).max(), what=name)
    assert layer.get_config()["resample"] == resample


@pytest.mark.parametrize("resample", ["up", "down"])
def test_a_resampling_convolution_in_both_layouts(resample):
    x = random_inputs((2, 6, 4, 3))
    last, first = (SpectralConv2D(5, 3, resample=resample, data_format=f) for f in DATA_FORMATS)
    for layer, data_format in ((last, DATA_FORMATS[0]), (first, DATA_FORMATS[1])):
        layer.build(to_layout(x, data_format).shape)
    first.set_weights(last.get_weights())
    y = to_numpy(first(to_layout(x, DATA_FORMATS[1])))
    assert_close(from_layout(y, DATA_FORMATS[1]), last(x))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"resample": "dwn"}, "Did you mean 'down'.*Received: resample='dwn'"),
        ({"resample": "up", "kernel_size": 2}, r"odd square.*Received: kernel_size=\(2, 2\)"),
        ({"resample": "up", "kernel_size": (3, 5)}, r"odd square.*Received: kernel_size=\(3, 5\)"),
        ({"resample": "up", "strides": 2}, r"strides=\(2, 2\)"),
        ({"resample": "down", "padding": "valid"}, "padding='valid'"),
    ],
    ids=str,
)
def test_a_wrong_resampling_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpectralConv2D(5, **{"kernel_size": 3, **options})
