"""SAGAN's networks against their equations in torch, and against published sizes."""

import itertools
import math

import keras
import numpy as np
import pytest

from keras_attention import models
from tests.backends import on_torch_alone
from tests.layers.tools import gradients, randomise, run, to_numpy
from tests.torch_oracles import core

from .nets import without_memory

CLASSES = 5
SMALL = {"num_classes": CLASSES, "width": 8}
BUILDERS = {"generator": models.build_generator, "discriminator": models.build_discriminator}


def outline(which, *arguments, **options):
    with without_memory():
        return BUILDERS[which](*arguments, **options)


def filled(which, name="sagan32", *arguments, **options):
    """A model with random weights in all places, gamma of the attention too."""
    keras.utils.set_random_seed(0)
    return randomise(BUILDERS[which](name, *arguments, **options))


def given(model, images=2):
    """Inputs for a model: noise or images, and labels where it has classes."""
    rng = np.random.default_rng(0)
    shape = model.inputs[0].shape[1:]
    # Faint and strong inputs: no two outputs should agree.
    x = rng.normal(size=(images, *shape)) * rng.uniform(0.3, 1, (images, *[1] * len(shape)))
    labels = rng.integers(0, CLASSES, images).astype("int32")
    return [x.astype("float32"), labels] if len(model.inputs) > 1 else x.astype("float32")


def of_torch(net, which, inputs):
    """What the oracle makes of our inputs; maps with their channels first."""
    import torch

    from tests.torch_oracles import sagan

    x, labels = inputs if isinstance(inputs, list) else (inputs, None)
    x = core.to_torch(x.astype("float64"))
    labels = None if labels is None else torch.tensor(labels).long()
    if which == "generator":
        return sagan.generator(net, x, labels)
    return sagan.discriminator(net, x, labels, halvings={32: 2, 64: 4, 128: 5}[x.shape[-1]])


def oracle_of(model, training=False, epsilon=1e-4):
    core.import_oracle("torch")
    from tests.torch_oracles import sagan

    return sagan.Network(model, epsilon, training)


def with_blocks(model):
    """The model with the maps of all its blocks beside its output, named as the oracle's are."""
    layers = {layer.name: layer for layer in model.layers}
    blocks = sorted({name.partition("_")[0] for name in layers if name.startswith("block")})
    ends = {name: layers.get(f"{name}_attention", layers[f"{name}_add"]) for name in blocks}
    maps = {name: layer.output for name, layer in ends.items()}
    last = "image" if "to_image" in layers else "logit"
    return keras.Model(model.input, {**maps, last: model.output}, name=model.name)


def relative_error(found, expected):
    expected = expected.detach().numpy() if hasattr(expected, "detach") else expected
    if expected.ndim == 4:
        expected = np.moveaxis(expected, 1, -1)
    found = to_numpy(found)
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


# Parameters

# Those that StudioGAN's logs of CIFAR-10 name, with SAGAN and with SNGAN of the same G and D.
STUDIOGAN = {"generator": 4_386_308, "discriminator": 1_075_586}
# of C channels: two kernels C x C/8, C x C/2, C/2 x C, and gamma.
ATTENTION = {64: 5_121, 128: 20_481, 256: 81_921}


def parameters(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


@on_torch_alone
@pytest.mark.parametrize("which", BUILDERS)
def test_parameters_of_the_published_networks(which):
    with_attention = parameters(outline(which, "sagan32", num_classes=10))
    without = parameters(outline(which, "sagan32", None, num_classes=10))
    assert with_attention == STUDIOGAN[which]
    assert with_attention - without == ATTENTION[{"generator": 256, "discriminator": 128}[which]]


@on_torch_alone
@pytest.mark.parametrize(
    ("which", "name", "attention_at", "channels"),
    [
        ("generator", "sagan64", 64, 64),
        ("generator", "sagan128", 64, 128),
        ("discriminator", "sagan64", None, 64),
        ("discriminator", "sagan128", None, 128),
    ],
)
def test_parameters_of_the_attention(which, name, attention_at, channels):
    options = {"num_classes": 3, "attention_at": attention_at}
    more = parameters(outline(which, name, **options))
    assert more - parameters(outline(which, name, None, **options)) == ATTENTION[channels]


def paper128(which, width, classes, channels=3):
    """Parameters of the authors' networks, from the sizes in their code, without attention."""

    def conv(inputs, outputs, side=3):
        return side**2 * inputs * outputs + outputs

    if which == "generator":
        path = [width * of for of in (16, 16, 8, 4, 2, 1)]
        total = 128 * 16 * path[0] + 16 * path[0]
        for inputs, outputs in itertools.pairwise(path):
            total += conv(inputs, outputs) + conv(outputs, outputs) + conv(inputs, outputs, 1)
            total += 2 * classes * (inputs + outputs)
        return total + 2 * path[-1] + conv(path[-1], channels)
    path = [channels, *(width * of for of in (1, 2, 4, 8, 16, 16))]
    total = 0
    for number, (inputs, outputs) in enumerate(itertools.pairwise(path), start=1):
        total += conv(inputs, outputs) + conv(outputs, outputs)
        total += conv(inputs, outputs, 1) if number < 6 else 0
    return total + path[-1] + 1 + classes * path[-1]


@on_torch_alone
@pytest.mark.parametrize("which", BUILDERS)
def test_parameters_of_the_authors_networks(which):
    model = outline(which, "sagan128", None, num_classes=1000)
    assert parameters(model) == paper128(which, 64, 1000)


# Values


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("which", BUILDERS)
def test_matches_the_equations(which, training):
    """Each block and the whole; in training with the batch's statistics and a step of each u."""
    model = filled(which, **SMALL)
    inputs, net = given(model, 3), oracle_of(model, training)
    expected = of_torch(net, which, inputs)
    before = {weight.path: to_numpy(weight) for weight in model.weights}
    found = run(with_blocks(model), inputs, training=training)
    errors = {name: relative_error(value, expected[name]) for name, value in found.items()}
    assert set(found) == set(expected)
    assert max(errors.values()) <= 1e-5, errors
    after = {weight.path: to_numpy(weight) for weight in model.weights}
    moved = {path for path, value in before.items() if not np.array_equal(value, after[path])}
    statistics = {path for path in before if training and "/moving_" in path}
    assert moved == set(net.moved) | statistics
    for path, vector in net.moved.items():
        np.testing.assert_allclose(after[path], vector.numpy(), atol=1e-5)
    values = to_numpy(found["image" if which == "generator" else "logit"])
    # Images at the ends of tanh, or logits that barely depend on the input, would hide errors.
    assert np.abs(values).mean() < 0.9 if which == "generator" else np.ptp(values) > 1


@on_torch_alone
@pytest.mark.parametrize("which", BUILDERS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sagan32", {"width": 5, "channels": 1, "attention_at": 8, "attention": None}),
        ("sagan64", {"width": 8, "num_classes": CLASSES}),
        ("sagan128", {"width": 4}),
    ],
    ids=str,
)
def test_matches_the_equations_at_each_size(name, options, which):
    model = filled(which, name, **options)
    inputs, net = given(model), oracle_of(model, epsilon=1e-5 if name == "sagan128" else 1e-4)
    expected = of_torch(net, which, inputs)
    found = with_blocks(model)(inputs, training=False)
    errors = {name: relative_error(value, expected[name]) for name, value in found.items()}
    assert max(errors.values()) <= 1e-5, errors


@pytest.mark.parametrize(
    "which", [pytest.param("generator", marks=on_torch_alone), "discriminator"]
)
def test_gradients_of_the_whole(which):
    """Of every weight, through singular values, statistics and attention, by torch's autograd."""
    model = filled(which, **SMALL)
    inputs, net = given(model, 3), oracle_of(model, training=True)
    expected = of_torch(net, which, inputs)["image" if which == "generator" else "logit"]
    shape = (3, *model.output.shape[1:])
    factors = np.random.default_rng(1).normal(size=shape).astype("float32")  # as `gradients` has
    (expected * core.to_torch(factors)).sum().backward()
    wanted = {path: w.grad.numpy() for path, w in net.weights.items() if w.requires_grad}
    found = gradients(model, inputs)
    assert set(found) == set(wanted)
    largest = max(np.abs(gradient).max() for gradient in wanted.values())
    zero = {path for path, gradient in wanted.items() if np.abs(gradient).max() < 1e-9 * largest}
    # A norm takes away what is added to a channel of its input.
    assert zero == set() if which == "discriminator" else {path[-4:] for path in zero} == {"bias"}
    for path, gradient in found.items():
        scale = np.abs(wanted[path]).max() if path not in zero else 0.1 * largest
        error = np.abs(gradient - wanted[path]).max() / scale
        assert error <= 1e-4, f"{path}: {error:.3g}"
