"""Models from checkpoints of other libraries: built here, filled by rules."""

import logging
import math
from collections.abc import Collection, Mapping

import keras
import numpy as np

from ... import models
from ...layers import registry
from ...layers.checks import nearest
from ...models import factory, slots
from ...models.head import HEADS
from .. import convert, index
from ..changes import Changes
from ..convert import rules
from ..errors import ConversionError, UnknownModelError
from ..kinds import classifiers
from . import checkpoint

log = logging.getLogger(__name__)


def load(found: checkpoint.Checkpoint, changes: Changes) -> keras.Model:
    """The model of a checkpoint, with these changes."""
    name = found.architecture
    known = models.list_architectures()
    if name not in known:
        raise UnknownModelError(
            f"No architecture of that name can be loaded yet.{nearest(name, known)} "
            f"Received: architecture={name!r}. models.list_architectures() names {len(known)}."
        )
    _check_pool(found)
    arguments = {"input_shape": classifiers.shape_of(found.size), **found.arguments}
    wanted = changes.applied_to(arguments)
    model = models.build(name, **wanted)
    if changes.weights and found.tensors is not None:
        own = arguments.get("attention", factory.arguments_of(name).get("attention"))
        new = fresh(name, own, changes.attention) | new_heads(changes, arguments)
        part = changes.features_only or changes.attention is not None
        _fill(model, found, found.tensors(), wanted["input_shape"], new, part)
        mention(model, name, new)
    return model


def _check_pool(found: checkpoint.Checkpoint) -> None:
    """Refuse a checkpoint that pools otherwise than its architecture does here.

    Another pooling may have the same tensors, and would give other logits without a word.
    """
    pool = factory.arguments_of(found.architecture).get("pool", "token")
    if factory.family_of(found.architecture) != "vit":
        pool = "mean"
    expected = {"token": ("token",), "mean": ("avg", "fast")}.get(str(pool), ("map",))
    for given in found.pools:
        if given not in expected:
            raise ConversionError(
                f"{found.architecture} pools by {expected[0]!r} here. "
                f"Received: global_pool={given!r} in the checkpoint's description"
            )


def new_heads(changes: Changes, arguments: dict) -> set[str]:
    """The classifiers that are not the published ones, or not there at all."""
    return set(HEADS) if changes.has_new_head(arguments) or changes.features_only else set()


def _fill(model, found: checkpoint.Checkpoint, path, shape, layers: set[str], part: bool) -> None:
    """Convert the tensors of the file `path` into the model, but for these layers.

    `part`: whether the model need not have all that the checkpoint has.
    """
    name = found.architecture
    arguments = {**factory.arguments_of(name), "input_shape": shape}
    table = convert.TIMM[factory.family_of(name)](arguments)
    targets = {weight.path: weight for weight in model.weights}
    with checkpoint.opened(path) as (shapes, tensor):
        steps = plan(model, shapes, table, str(path), layers, part)
        # The largest first: where they leave random values behind, smaller ones find room.
        steps.sort(key=lambda step: -sum(math.prod(shapes[name]) for name in step.sources))
        for target, array in rules.apply(steps, tensor):
            # Left transposed: the backend puts it in order as it copies, in half the time.
            targets[target].assign(array)


def plan(
    model, shapes, table, source: str, layers: Collection[str] = (), part: bool = False
) -> list[rules.Step]:
    """The steps that fill a model, but for `layers`, from tensors of these shapes.

    `part`: whether the model need not have all that there is.
    """

    def new(path: str) -> bool:
        return path.partition("/")[0] in layers or (part and path not in wanted)

    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    return rules.plan(shapes, table, wanted, source, new)


def from_state(model, state: Mapping[str, np.ndarray], entry: index.ModelInfo) -> dict:
    """Our arrays by path, from those of pytorchcv's model."""
    table = convert.PYTORCHCV[factory.family_of(entry.architecture)](entry.arguments)
    shapes = {name: array.shape for name, array in state.items()}
    steps = plan(model, shapes, table, entry.name)
    return dict(rules.apply(steps, state.__getitem__))


def mention(model: keras.Model, name: str, new: Collection[str]) -> None:
    """Say which layers of a model are new and random."""
    paths = [weight.path for weight in model.weights]
    random = [path for path in paths if path.partition("/")[0] in new]
    if random:
        log.warning(
            "%s: %d of %d weights are those of the checkpoint; new and random are %s",
            name,
            len(paths) - len(random),
            len(paths),
            ", ".join(dict.fromkeys(path.partition("/")[0] for path in random)),
        )


def fresh(name: str, own: slots.Slots, given: slots.Slots) -> set[str]:
    """The attention layers that are not those of the checkpoint, by name.

    Args:
        name: The architecture.
        own: The attention that the checkpoint has.
        given: The attention that is asked for; None is the checkpoint's own.
    """
    if given is None:
        return set()  # without a config, for which Keras would import all of TensorFlow
    depths = factory.arguments_of(name)["depths"]
    before = slots.resolve(own, depths)
    after = slots.resolve(slots.instead_of(own, given, depths), depths)
    return {
        f"stage{stage}_block{block}_attention"
        for stage, block in before
        if _config(before[stage, block]) != _config(after[stage, block])
    }


def _config(spec) -> tuple[type, dict] | None:
    """What a spec makes, but for the names."""
    layer = registry.get(spec)
    if layer is None:
        return None
    return type(layer), {**layer.get_config(), "name": None}
