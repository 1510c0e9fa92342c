"""What a training run is made of."""

import dataclasses
import importlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Self, get_type_hints

import typeguard

from keras_attention.layers import Spec
from keras_attention.layers.checks import nearest

ALL = typeguard.CollectionCheckStrategy.ALL_ITEMS


class Mistake(ValueError):
    """A recipe that nothing can be built of."""


class Fields:
    """What all recipes can do, of whatever fields: a base of frozen dataclasses."""

    # Fields that no training step depends on, which a run that goes on may have otherwise.
    LATER = ()

    def told(self) -> dict:
        """The fields as JSON has them; what has no such form is its text."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    def replace(self, **fields) -> Self:
        """A copy with some fields changed; a mistyped name or a wrong type is a TypeError."""
        known = get_type_hints(type(self))
        for name, value in fields.items():
            if name not in known:
                raise TypeError(
                    f"A recipe has no field {name!r}.{nearest(name, known)} "
                    f"Received: {name}={value!r}. Known: {', '.join(known)}."
                )
            try:
                typeguard.check_type(value, known[name], collection_check_strategy=ALL)
            except typeguard.TypeCheckError as error:
                told = " ".join(str(error).split())
                raise TypeError(f"A recipe's {name}: {told}. Received: {name}={value!r}") from None
        return dataclasses.replace(self, **fields)


def differences(kept: Mapping, told: Mapping, but: Sequence[str] = ()) -> tuple[str, str]:
    """The fields of `told` that are others in `kept`, as "name=value, ..." there and here.

    One that was not kept is no other.
    """
    names = [n for n, value in told.items() if n not in but and kept.get(n, value) != value]
    was, now = (", ".join(f"{name}={one[name]!r}" for name in names) for one in (kept, told))
    return was, now


@dataclasses.dataclass(frozen=True)
class Recipe(Fields):
    """One training run but for its seed.

    Data. `sizes` lists (epochs, pixels) in order: how long images of which side are trained on;
    smaller ones are the augmented image scaled down, which costs a CPU a quarter at half the side.
    `train_images` takes that many of the training set, as many of each class, always the same.
    `augment` names the steps of `augment.STEPS`; each has its fields. `mixup` and `cutmix` are the
    parameters of the beta distributions, 0 for none; where both are given, each batch gets one.
    "resized_crop" is the first of `augment` where it is one: a box of at least `crop_area` of an
    image. `repeats` shows an image that often in a row, each time augmented anew, and so, as the
    length of an epoch stays, one in `repeats` images an epoch. "erase" meets an image with
    `erase_chance`, "jitter" changes by a factor of up to 1 + `jitter`, and "rand_augment" does
    `rand_ops` operations of a strength of `rand_magnitude` in 0 to 10, with deviation
    `rand_spread`. Tests see the middle of an image, `test_crop` of its shorter side; with
    `test_views` the logits are a mean over six views of it, mirrored and shifted by a pixel.

    Optimiser. `schedule` is one of `optimize.SHAPES`; `warmup` is the share of all steps in which
    the rate rises from `start_rate` to `learning_rate`, and `final_rate` is where it ends, both as
    parts of `learning_rate`. `drop_at` are shares of all steps after which a "step" schedule
    multiplies the rate by `drop_by`. `weight_decay` is decoupled, as Keras has it: each step takes
    learning_rate * weight_decay of a weight. An L2 penalty that other libraries give to SGD is
    weight_decay * (1 - momentum), which ends in the same place. It leaves out biases, the scales
    and shifts of normalisations, positions and class tokens, unless `decay_all`. `rates`
    multiplies the rate of the weights whose path contains a word, but not their decay, and
    `layer_decay` the rate of each block by that once more than that of the next; `until` ends the
    training of the weights whose path contains a word after that share of all steps, and they do
    not decay;
    `freeze` names what is not trained at all. `ema` is the momentum of averaged weights, which are
    then the result; 0 for none. With `lookahead` the weights are drawn back to a slow average of
    themselves every so many steps, and the slow ones are the result.

    Model. `pretrained` is a model of the zoo to start from, with a new classifier. `whiten` gives
    the first convolution of an airbench network the principal directions of the images' patches.
    """

    LATER = ("test_crop", "test_views")

    dataset: str
    model: str
    model_options: Mapping[str, object]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    attention: Spec | None = None
    pretrained: str | None = None
    train_images: int | None = None
    batch_size: int = 128
    augment: tuple[str, ...] = ("crop", "flip", "cutout")
    crop_padding: int = 4
    crop_mode: str = "reflect"
    cutout_size: int = 8
    crop_area: float = 0.08
    erase_chance: float = 0.25
    jitter: float = 0.3
    rand_ops: int = 2
    rand_magnitude: float = 9.0
    rand_spread: float = 0.5
    repeats: int = 1
    test_crop: float = 1.0
    test_views: bool = False
    mixup: float = 0.0
    cutmix: float = 0.0
    optimizer: str = "sgd"
    loss: str = "crossentropy"
    label_smoothing: float = 0.1
    learning_rate: float = 0.1
    schedule: str = "cosine"
    warmup: float = 0.2
    start_rate: float = 0.0
    final_rate: float = 0.0
    drop_at: tuple[float, ...] = ()
    drop_by: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-3
    decay_all: bool = False
    clip_norm: float | None = None
    accumulate: int = 1
    ema: float = 0.0
    lookahead: int = 0
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict)
    until: Mapping[str, float] = dataclasses.field(default_factory=dict)
    layer_decay: float = 1.0
    freeze: tuple[str, ...] = ()
    whiten: bool = False
    precision: str = "float32"

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.sizes)

    def size_at(self, epoch: int) -> int:
        """The side of the images in pixels in an epoch counted from 0."""
        return [size for epochs, size in self.sizes for _ in range(epochs)][epoch]


HERE = pathlib.Path(__file__).parent


def names(folder: pathlib.Path = HERE) -> list[str]:
    """The recipes of a folder."""
    return sorted(
        path.stem for path in folder.glob("*.py") if "\ndef recipe(" in path.read_text("utf-8")
    )


def find(name: str, folder: pathlib.Path = HERE):
    """The function `recipe(attention, quick)` of one recipe file of a folder, below this one."""
    known = names(folder)
    if name not in known:
        raise ValueError(
            f"Unknown recipe.{nearest(name, known)} Received: {name!r}. Known: {', '.join(known)}."
        )
    package = ".".join([__package__, *folder.relative_to(HERE).parts])
    return importlib.import_module(f"{package}.{name}").recipe
