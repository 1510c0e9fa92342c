"""From the tensors of a foreign checkpoint to the weights of one of our models, strictly.

A table is a sequence of rules. `{name}` in the template of a source stands for a whole number,
which a target repeats or counts on from: `{name+1}`.

>>> Rule("layer{s}.{b}.conv{i}.weight", "stage{s}_block{b+1}_conv{i}/kernel", arrays.conv)
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import ConversionError
from .arrays import same

_PLACE = re.compile(r"\{(\w+?)([+-]\d+)?\}")


class Rule(NamedTuple):
    """What becomes of tensors with certain names.

    `source`: the template of one name, or of several that go together. `target`: the template of a
    weight's path, or of several; None where nothing of ours corresponds. `change`: takes the
    tensors of `source` and gives the array of `target`, or a tuple for several.
    """

    source: str | tuple[str, ...]
    target: str | tuple[str, ...] | None
    change: Callable = same


class Step(NamedTuple):
    """A rule with its numbers filled in; a target is None where its array is left out."""

    sources: tuple[str, ...]
    targets: tuple[str | None, ...]
    change: Callable


def plan(
    shapes: Mapping[str, tuple[int, ...]],
    rules: Sequence[Rule],
    wanted: Mapping[str, tuple[int, ...]],
    source: str,
    new: Callable[[str], bool] = lambda path: False,
) -> list[Step]:
    """The steps that fill every wanted weight and use every tensor once.

    Args:
        shapes: The shape of each tensor of the source.
        rules: The family's table. The first rule that fits a name counts.
        wanted: The shape of each weight of our model by its path.
        source: What errors call the source.
        new: Whether the weight of a path stays as it is, or is not there at all; what it would get
            is left out.
    Raises: ConversionError that lists tensors without use, weights without a source and shapes that
        differ. Nothing has been read by then.
    """
    steps: list[Step] = []
    used: set[str] = set()
    for name in shapes:
        if name not in used:
            step = _step(name, rules, shapes)
            if step is not None:
                steps.append(step)
                used.update(step.sources)
    steps = [_without(new, step) for step in steps]
    filled = [path for step in steps for path in step.targets if path is not None]
    wanted = {path: shape for path, shape in wanted.items() if not new(path)}
    problems = {
        "Tensors without use": sorted(shapes.keys() - used),
        "weights without a tensor": sorted(wanted.keys() - set(filled)),
        "tensors for weights that the model does not have": sorted(set(filled) - wanted.keys()),
        "weights filled twice": sorted({path for path in filled if filled.count(path) > 1})
        if len(filled) != len(set(filled))
        else [],
    }
    if not any(problems.values()):
        problems = {"other shapes": _other_shapes(steps, shapes, wanted)}
    if any(problems.values()):
        listed = ". ".join(f"{what}: {_short(found)}" for what, found in problems.items() if found)
        raise ConversionError(f"{source} does not fit the model. {listed}.")
    return [step for step in steps if any(step.targets)]


def apply(steps: Sequence[Step], read: Callable[[str], np.ndarray]) -> Iterator[tuple]:
    """(path, array) of each weight, a step at a time, so that few tensors are held at once."""
    for step in steps:
        pairs = zip(step.targets, _results(step, map(read, step.sources)), strict=True)
        yield from (pair for pair in pairs if pair[0] is not None)


def _step(name: str, rules: Sequence[Rule], shapes) -> Step | None:
    for rule in rules:
        sources = (rule.source,) if isinstance(rule.source, str) else rule.source
        found = _pattern(sources[0]).fullmatch(name)
        if found is None:
            continue
        numbers = {key: int(value) for key, value in found.groupdict().items()}
        names = tuple(_fill(source, numbers) for source in sources)
        if not all(one in shapes for one in names):
            continue
        targets = rule.target or ()
        targets = (targets,) if isinstance(targets, str) else targets
        return Step(names, tuple(_fill(target, numbers) for target in targets), rule.change)
    return None


def _without(new: Callable[[str], bool], step: Step) -> Step:
    """The step without the targets that stay as they are."""
    targets = (None if path is None or new(path) else path for path in step.targets)
    return step._replace(targets=tuple(targets))


_PATTERNS: dict[str, re.Pattern] = {}


def _pattern(template: str) -> re.Pattern:
    if template not in _PATTERNS:
        parts, end = [], 0
        for place in _PLACE.finditer(template):
            parts += [re.escape(template[end : place.start()]), rf"(?P<{place[1]}>\d+)"]
            end = place.end()
        _PATTERNS[template] = re.compile("".join([*parts, re.escape(template[end:])]))
    return _PATTERNS[template]


def _fill(template: str, numbers: Mapping[str, int]) -> str:
    return _PLACE.sub(lambda place: str(numbers[place[1]] + int(place[2] or 0)), template)


def _results(step: Step, sources) -> tuple:
    result = step.change(*sources)
    return result if isinstance(result, tuple) else (result,)


def _other_shapes(steps: Sequence[Step], shapes, wanted) -> list[str]:
    """What the steps would give another shape than the model wants, found without data."""
    wrong = []
    for step in steps:
        if not any(step.targets):
            continue
        # A view of one zero, which takes no memory whatever its shape.
        given = [np.broadcast_to(np.float32(0), shapes[name]) for name in step.sources]
        try:
            results = _results(step, given)
        except (ValueError, IndexError) as error:
            wrong.append(f"{step.sources} {[one.shape for one in given]}: {error}")
            continue
        for path, result in zip(step.targets, results, strict=True):
            if path is not None and result.shape != tuple(wanted[path]):
                wrong.append(f"{path} {tuple(wanted[path])}, from {step.sources} {result.shape}")
    return wrong


def _short(found: list[str], most: int = 12) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + more
