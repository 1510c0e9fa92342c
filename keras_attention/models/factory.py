"""Models by name."""

import re
from collections.abc import Sequence

import keras

from ..layers.checks import at_least, nearest
from ..ops import axes
from . import airbench, byoanet, preact, resnet, slots, swin, vit
from .head import head
from .normalize import Normalize
from .slots import Slots

# ImageNet's channel means and deviations, for RGB in 0..1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# Each family is one module with VARIANTS, the OPTIONS a caller may change, and `network`.
FAMILIES = (resnet, preact, airbench, byoanet, swin, vit)


def build(
    name: str,
    attention: Slots = None,
    *,
    num_classes: int = 1000,
    input_shape: Sequence[int | None] | None = None,
    features_only: bool = False,
    levels: Sequence[str] | None = None,
    include_preprocessing: bool = True,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
    crop: float = 1.0,
    interpolation: str = "bicubic",
    labels: Sequence[str] | None = None,
    **options,
) -> keras.Model:
    """A Functional model with random weights, whose output is logits.

    Args:
        name: One of `list_architectures()`.
        attention: What stands in the attention slots: a spec for the whole net ("cbam", or
            {"type": "se", "reduction": 8}, a class, a function); a list with an entry per stage,
            or of lists with an entry per block; or a dict from addresses to specs,
            {"stage3": "cbam", "stage4/block1": "se"}. None is what the architecture has by itself,
            as have blocks that a dict does not name; "none" takes that away.
        num_classes: Number of logits; 0 gives the pooled features instead.
        input_shape: (height, width, 3), or channels first if that is Keras's setting; height and
            width may be None. The default is 224x224, or 32x32 for a net with a small stem. Images
            with another number of channels need a `mean` and a `std` for each of them.
        features_only: Whether the output is a dict of maps, from fine to coarse, instead.
        levels: Which of these maps, by name such as "stage3"; None is all.
        include_preprocessing: Whether the first layer normalises RGB in 0..255 by `mean` and
            `std`; without it the input must be normalised already.
        mean: Mean of each channel, for pixels in 0..1.
        std: Deviation of each channel, for pixels in 0..1.
        crop: What part of the resized image's shorter side the model sees; kept for whoever makes
            images ready, as `interpolation` is ("bicubic" or "bilinear").
        labels: Names of the classes in order, which a saved model keeps.
        **options: What the architecture takes beside these, for a ResNet `width` (channels of
            the first stage), `stem` ("imagenet" or "small") and `between` (attention between
            stages). All but airbench nets take `drop_path`, how often the last block's branch is
            left out in training (stochastic depth); that of earlier blocks less often.
    Raises: ValueError for an unknown name, option, address or size, naming the valid ones.

    >>> models.build("resnet18", "cbam", num_classes=10, input_shape=(64, 64, 3)).output_shape
    (None, 10)
    """
    family = _family(name)
    arguments = {**family.VARIANTS[name], **_checked(options, name, family.OPTIONS)}
    own = arguments.get("attention")
    arguments["attention"] = slots.instead_of(own, attention, arguments["depths"])
    at_least(0, name, num_classes=num_classes)
    image = keras.Input(
        _shape(input_shape, family.default_size(arguments), len(mean)), name="image"
    )
    x = image
    if include_preprocessing:
        # 16-bit floats would round the pixels before the mean is taken off.
        x = Normalize(mean, std, crop, interpolation, dtype="float32", name="normalize")(x)
    body = family.network(x, **arguments)
    if features_only:
        return keras.Model(image, _chosen(levels, body.levels, name), name=name)
    return keras.Model(image, head(body.pooled, num_classes, labels), name=name)


def list_architectures() -> list[str]:
    """The names that `build` knows, small nets first within a family.

    >>> models.list_architectures()[:3]
    ['resnet18', 'resnet20', 'resnet32']
    """
    names = [name for family in FAMILIES for name in family.VARIANTS]
    return sorted(
        names,
        key=lambda name: [
            int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)
        ],
    )


def _chosen(levels: Sequence[str] | None, known: dict, name: str) -> dict:
    """The maps of these levels, in the order of the network."""
    for level in levels or ():
        if level not in known:
            raise ValueError(
                f"{name} has no level {level!r}.{nearest(level, known)} "
                f"Received: levels={list(levels or ())}. Known: {', '.join(known)}."
            )
    return {level: x for level, x in known.items() if levels is None or level in levels}


def family_of(name: str) -> str:
    """The name of the family that an architecture belongs to, such as "resnet"."""
    return _family(name).__name__.rpartition(".")[2]


def arguments_of(name: str) -> dict:
    """What a family's builder is given for an architecture, before any option."""
    return dict(_family(name).VARIANTS[name])


def options_of(name: str) -> tuple[str, ...]:
    """What a caller of `build` may change of an architecture, beside the arguments it names."""
    return tuple(_family(name).OPTIONS)


def default_size_of(name: str) -> int:
    """Height and width of the images that an architecture was made for, in pixels."""
    return _family(name).default_size(_family(name).VARIANTS[name])


def _family(name: str):
    for family in FAMILIES:
        if name in family.VARIANTS:
            return family
    known = list_architectures()
    raise ValueError(
        f"Unknown architecture.{nearest(name, known)} Received: name={name!r}. "
        f"Known: {', '.join(known)}."
    )


def _checked(options: dict, name: str, known: Sequence[str]) -> dict:
    for option, value in options.items():
        if option not in known:
            raise ValueError(
                f"{name} has no option {option!r}.{nearest(option, known)} "
                f"Received: {option}={value!r}. Known: {', '.join(known)}."
            )
    return options


def _shape(
    input_shape: Sequence[int | None] | None, size: int, channels: int
) -> tuple[int | None, ...]:
    """The checked shape of one image; of `size` pixels a side where None was given."""
    channel = axes.channel_axis(keras.config.image_data_format()) - 1
    if input_shape is None:
        shape: list[int | None] = [size] * 3
        shape[channel] = channels
        return tuple(shape)
    shape = list(input_shape)
    sides = [side for axis, side in enumerate(shape) if axis != channel]
    if (
        len(shape) != 3
        or shape[channel] != channels
        or any(side is not None and side < 1 for side in sides)
    ):
        last = f"(height, width, {channels})"
        wanted = last if channel == 2 else f"({channels}, height, width)"
        raise ValueError(
            f"input_shape must be {wanted}, where height and width may be None and `mean` has one "
            f"number for each channel. Received: input_shape={tuple(input_shape)}"
        )
    return tuple(shape)
