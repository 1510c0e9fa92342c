"""What a training run is made of."""

import dataclasses
import importlib
import pathlib
from collections.abc import Mapping

from keras_attention.layers import Spec
from keras_attention.layers.checks import nearest


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run but for its seed.

    `sizes` lists (epochs, pixels) in order: how long images of which side are trained on. The
    smaller ones are the augmented image scaled down, which costs a CPU a quarter at half the
    side. `weight_decay` is decoupled, as Keras has it: each step takes learning_rate *
    weight_decay of a weight; divided by (1 - momentum) it is the L2 penalty of other libraries.
    It leaves out biases and the scales and shifts of normalisations.
    """

    dataset: str
    model: str
    model_options: Mapping[str, object]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    attention: Spec | None = None
    batch_size: int = 128
    augment: tuple[str, ...] = ("crop", "flip", "cutout")
    crop_padding: int = 4
    cutout_size: int = 8
    label_smoothing: float = 0.1
    learning_rate: float = 0.1
    schedule: str = "one_cycle"
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-3
    precision: str = "float32"

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.sizes)

    def replace(self, **fields) -> "Recipe":
        """A copy with some fields changed; a mistyped one is a TypeError."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in fields:
            if name not in known:
                raise TypeError(
                    f"A recipe has no field {name!r}.{nearest(name, known)} "
                    f"Received: {name}={fields[name]!r}. Known: {', '.join(known)}."
                )
        return dataclasses.replace(self, **fields)


def names() -> list[str]:
    """The recipes of this folder."""
    folder = pathlib.Path(__file__).parent
    return sorted(
        path.stem for path in folder.glob("*.py") if "\ndef recipe(" in path.read_text("utf-8")
    )


def find(name: str):
    """The function `recipe(attention, quick)` of one recipe file."""
    if name not in names():
        raise ValueError(
            f"Unknown recipe.{nearest(name, names())} Received: {name!r}. "
            f"Known: {', '.join(names())}."
        )
    return importlib.import_module(f"recipes.{name}").recipe
