"""Generators and discriminators of SAGAN, and those of SNGAN where there is no attention.

References: Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks",
ICML 2019, arXiv:1805.08318; Miyato et al., "Spectral Normalization for Generative Adversarial
Networks", ICLR 2018, arXiv:1802.05957; Miyato, Koyama, "cGANs with Projection Discriminator", ICLR
2018, arXiv:1802.05637.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import keras

from ..layers.checks import at_least, nearest
from ..layers.registry import Spec
from ..layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralEmbedding
from . import slots
from .class_names import ClassNames
from .conditional_norm import ConditionalBatchNorm
from .parts import activate, from_last, norm
from .parts import channels as channels_of
from .sum_pool import SumPool

# The side of the map that a generator begins with, in pixels.
FIRST = 4
# What the names of generators have behind that of the architecture.
SUFFIX = "_generator"


class Variant(NamedTuple):
    """A pair of networks for images of one size.

    `generator`, `discriminator`: channels of the first map and after each block; channels after
    each block; as multiples of the width. `halvings`: how many of the discriminator's blocks halve
    their map. `attention_at`: side of the map with the attention, in pixels. `initializer`: of all
    kernels but the attention's. `momentum`, `epsilon`: of the batch normalisation.
    """

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int
    attention_at: int
    initializer: str = "orthogonal"
    momentum: float = 0.9
    epsilon: float = 1e-4


VARIANTS = {
    # https://github.com/POSTECH-CVLab/PyTorch-StudioGAN/blob/947b35e/src/models/resnet.py
    # and src/configs/CIFAR10/SAGAN.yaml, src/configs/Baby_ImageNet/SAGAN.yaml
    "sagan32": Variant((4, 4, 4, 4), (2, 2, 2, 2), 2, attention_at=16),
    "sagan64": Variant((16, 8, 4, 2, 1), (1, 2, 4, 8, 16), 4, attention_at=32),
    # https://github.com/brain-research/self-attention-gan, generator_test, discriminator_test
    "sagan128": Variant(
        (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, 32, "glorot_uniform", 0.999, 1e-5
    ),
}


def build_generator(
    name: str,
    attention: Spec | None = "sagan",
    *,
    num_classes: int = 0,
    width: int = 64,
    latent: int = 128,
    channels: int = 3,
    attention_at: int | None = None,
    labels: Sequence[str] | None = None,
) -> keras.Model:
    """A Functional model that makes images of noise, with random weights.

    A dense layer makes a map of 4x4 pixels, each block doubles its sides,

        block(x) = conv1(up(x)) + conv3(relu(norm2(conv3(up(relu(norm1(x)))))))

    and the image is tanh(conv3(relu(norm(x)))). Kernels are divided by their largest singular
    values, estimated better by a step in each call with training=True. `norm1` and `norm2` scale
    and shift by the class, where there are classes.

    Args:
        name: "sagan32", "sagan64" or "sagan128", by the side of the images in pixels.
        attention: What stands behind one block: a key such as "sagan", a dict {"type": "sagan",
            "pool": False}, a class, a function. None, as "none", is SNGAN with all else the same.
        num_classes: Number of classes; 0 makes images without.
        width: What the channels are multiples of, 64 in the papers.
        latent: Length of a noise vector.
        channels: Of the images.
        attention_at: Side in pixels of the map that the attention stands on; None is 16 for
            images of 32 pixels, 32 for others.
        labels: Names of the classes in order, which a saved model keeps and `models.sample` takes.
    Input: `latent` (batch, latent), normal numbers; with classes a list with `label` (batch,),
        integers. Output: (batch, side, side, channels), or channels first if that is Keras's
        setting, float32 in -1..1.
    A label outside of 0..num_classes-1 gives an image of NaN; `models.sample` refuses it.
    Raises: ValueError for an unknown name or attention, for sizes below 1, for an `attention_at`
        that no block gives, and for `labels` that are not one name per class.
    Differs from the authors' code: the 1x1 convolution is before the doubling, which gives the
        same sum. From StudioGAN's: scales and shifts of classes are not spectrally normalised; the
        attention's kernels begin as its layer has them, not orthogonal.

    >>> models.build_generator("sagan32", num_classes=10).output_shape
    (None, 32, 32, 3)
    """
    variant = _variant(name)
    owner = f"build_generator({name!r})"
    _check(owner, num_classes, width=width, latent=latent, channels=channels)
    first, *multiples = variant.generator
    sides = [FIRST * 2**number for number in range(1, len(multiples) + 1)]
    place = _place(owner, attention_at, variant, sides)

    z = keras.Input((latent,), name="latent")
    inputs = [z, *_label(num_classes)]
    label = _named(inputs[1:], num_classes, labels)
    normalise = functools.partial(_norm, variant, num_classes, label)
    dense = SpectralDense(
        first * width * FIRST**2, kernel_initializer=variant.initializer, name="project"
    )
    x = keras.layers.Reshape((FIRST, FIRST, first * width), name="project_map")(dense(z))
    x = from_last(x, name="project_layout")
    for number, multiple in enumerate(multiples, start=1):
        x = _generator_block(x, multiple * width, variant, normalise, f"block{number}")
        if number == place:
            x = slots.fill(_spec(attention), x, f"block{number}_attention")
    x = activate(_plain_norm(variant, x, "norm"), "relu", name="act")
    x = _conv(variant, x, channels, 3, "to_image")
    image = keras.layers.Activation("tanh", dtype=_whole(), name="image")(x)
    return keras.Model(_one_or_several(inputs), image, name=name + SUFFIX)


def build_discriminator(
    name: str,
    attention: Spec | None = "sagan",
    *,
    num_classes: int = 0,
    width: int = 64,
    channels: int = 3,
    attention_at: int | None = None,
) -> keras.Model:
    """A Functional model that tells images from made ones, with random weights.

    Blocks halve the sides of the map (the last ones keep them),

        block(x) = conv1(mean(x)) + mean(conv3(relu(conv3(relu(x)))))

    without the first relu in the first block and without conv1 where shapes agree. With h the sum
    over space of relu(x), the logit is w.h + b, and w.h + b + E[label].h where there are classes.
    All kernels, with w and E, are divided by their largest singular values, estimated better by a
    step in each call with training=True, which changes nothing else.

    Args:
        name, attention, num_classes, width, channels: As in `build_generator`.
        attention_at: Side in pixels of the map that the attention stands on, behind the first
            block that gives one; None as in `build_generator`.
    Input: `image` (batch, side, side, channels) in -1..1, or channels first; with classes a list
        with `label` (batch,), integers. Output: (batch, 1), float32.
    A label outside of 0..num_classes-1 gives NaN.
    Raises: As `build_generator`.
    Differs from the authors' code: the mean is before the 1x1 convolution, which gives the same
        sum. From StudioGAN's: its relu works in place, and so upon the sum's first term too.

    >>> models.build_discriminator("sagan32", num_classes=10).output_shape
    (None, 1)
    """
    variant = _variant(name)
    owner = f"build_discriminator({name!r})"
    _check(owner, num_classes, width=width, channels=channels)
    side = FIRST * 2 ** (len(variant.generator) - 1)
    halves = [number <= variant.halvings for number in range(1, len(variant.discriminator) + 1)]
    sides = [side // 2 ** sum(halves[:number]) for number in range(1, len(halves) + 1)]
    place = _place(owner, attention_at, variant, sides)

    shape = (channels, side, side) if _is_first() else (side, side, channels)
    image = keras.Input(shape, name="image")
    inputs = [image, *_label(num_classes)]
    x = image
    for number, (multiple, halve) in enumerate(zip(variant.discriminator, halves, strict=True), 1):
        x = _discriminator_block(x, multiple * width, variant, halve, number)
        if number == place:
            x = slots.fill(_spec(attention), x, f"block{number}_attention")
    features = SumPool(dtype=_whole(), name="pool")(activate(x, "relu", name="act"))
    logit = _logit(features, inputs[1:], num_classes, variant.initializer)
    return keras.Model(_one_or_several(inputs), logit, name=f"{name}_discriminator")


def _generator_block(x, filters, variant, normalise, name):
    y = activate(normalise(x, f"{name}_norm1"), "relu", name=f"{name}_act1")
    y = _conv(variant, y, filters, 3, f"{name}_conv1", resample="up")
    y = activate(normalise(y, f"{name}_norm2"), "relu", name=f"{name}_act2")
    y = _conv(variant, y, filters, 3, f"{name}_conv2")
    # A quarter of the work of the other order, for the same sum.
    x = _conv(variant, x, filters, 1, f"{name}_shortcut_conv")
    x = keras.layers.UpSampling2D(2, name=f"{name}_shortcut_up")(x)
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _discriminator_block(x, filters, variant, halve, number):
    name = f"block{number}"
    y = x if number == 1 else activate(x, "relu", name=f"{name}_act1")
    y = activate(_conv(variant, y, filters, 3, f"{name}_conv1"), "relu", name=f"{name}_act2")
    y = _conv(variant, y, filters, 3, f"{name}_conv2", resample="down" if halve else None)
    if halve:
        x = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_mean")(x)
    if halve or channels_of(x) != filters:
        x = _conv(variant, x, filters, 1, f"{name}_shortcut_conv")
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _logit(features, labels, num_classes, initializer):
    # Float32 under a mixed policy: the loss compares logits with 1 and -1.
    options = {"kernel_initializer": initializer, "dtype": _whole()}
    logit = SpectralDense(1, name="logit", **options)(features)
    if not labels:
        return logit
    embedding = SpectralEmbedding(num_classes, features.shape[-1], name="embedding", **options)
    product = keras.layers.Dot(1, dtype=_whole(), name="projection")
    products = product([embedding(*labels), features])
    return keras.layers.Add(dtype=_whole(), name="logits")([logit, products])


def _norm(variant, num_classes, labels, x, name):
    if not labels:
        return _plain_norm(variant, x, name)
    layer = ConditionalBatchNorm(num_classes, variant.momentum, variant.epsilon, name=name)
    return layer(x, *labels)


def _plain_norm(variant, x, name):
    return norm(x, name=name, momentum=variant.momentum, epsilon=variant.epsilon)


def _conv(variant, x, filters, size, name, resample=None):
    options = {"kernel_initializer": variant.initializer, "resample": resample}
    return SpectralConv2D(filters, size, name=name, **options)(x)


def _label(num_classes):
    """The placeholder of the labels, in a list; an empty one without classes."""
    return [keras.Input((), dtype="int32", name="label")] if num_classes else []


def _named(label, num_classes, labels):
    """The placeholder of the labels through the layer that keeps their names, if they have some."""
    if labels is None:
        return label
    names = ClassNames(num_classes, labels, name="class_names")
    return [names(x) for x in label]


def _one_or_several(inputs):
    return inputs if len(inputs) > 1 else inputs[0]


def _spec(attention):
    return None if attention == "none" else attention


def _whole():
    """The dtype policy of what stays in the precision of the weights."""
    return keras.config.dtype_policy().variable_dtype


def _is_first() -> bool:
    return keras.config.image_data_format() == "channels_first"


def _variant(name: str) -> Variant:
    if name not in VARIANTS:
        raise ValueError(
            f"Unknown architecture.{nearest(name, VARIANTS)} Received: name={name!r}. "
            f"Known: {', '.join(VARIANTS)}."
        )
    return VARIANTS[name]


def _check(owner: str, num_classes: int, **sizes) -> None:
    at_least(0, owner, num_classes=num_classes)
    for name, value in sizes.items():
        at_least(1, owner, **{name: value})


def _place(owner: str, attention_at: int | None, variant: Variant, sides: list[int]) -> int:
    """The number of the first block that gives a map of this side."""
    if attention_at is None:
        attention_at = variant.attention_at
    if attention_at not in sides:
        raise ValueError(
            f"{owner}: attention_at must be the side of a map that a block gives, one of "
            f"{list(dict.fromkeys(sides))}. Received: attention_at={attention_at!r}"
        )
    return sides.index(attention_at) + 1
