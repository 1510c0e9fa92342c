"""`docs/layers.md` from the registry, the docstrings and `docs/layers.json`."""

import inspect
import math
import re

from keras_attention import layers
from keras_attention.layers.registry import ALIASES, ATTENTION
from tests.page.examples import example
from tests.page.measure import SIDES

SECTIONS = {
    "channel": "Gates on channels",
    "spatial": "Gates on positions, and mixed gates",
    "context": "Context and kernel selection",
    "whole_map": "Attention over the whole map",
    "multi_head": "Multi-head attention, windows, linear forms",
    "pooling": "Context vectors, pooling, segmentation gate",
    "structured": "Structured attention",
    "video": "Video",
    "tokens": "Token reduction",
}
OPENING = """# Every attention layer

Made by `make docs` from the code and from what the test suite measured; do not edit it by hand.

- **Slots**: `gate` after a convolution, same shape; `mixer` instead of a convolution; `token` on a
  sequence; `pool` many positions to few vectors; `pair` several inputs; `logits` on class scores.
- **Parameters** are trainable ones at 256 channels (a map of 14x14 where the size matters).
- **Multiply-adds** are those of matrix products and convolutions for one image of 256 channels, as
  torch counts them; gates that only scale and add have few. A video has 8 frames; `chain_crf` has
  8 states, `conv_crf` 21 classes.
- **Sizes**: `any` works with unknown heights, widths or lengths; `fixed` needs them at build;
  `fixed for scores` only where scores are asked for.
- **Worst error** is the largest difference from the oracle in the whole test suite on any backend,
  as a share of the largest output, rounded up. NumPy is the paper's equation in float64.
- **ONNX** and **LiteRT** say whether the layer exports from TensorFlow, with all sizes fixed, and
  then gives the same numbers (to 1e-4 of the largest output).
"""
HEAD = (
    "layer",
    "class",
    "slots",
    "scores",
    "parameters",
    "14x14",
    "56x56",
    "mask",
    "sizes",
    "ONNX",
    "LiteRT",
)


def page(data: dict[str, dict]) -> str:
    """The whole page for the measurements `data`, by registry key."""
    parts = [OPENING, _table(data)]
    for folder, title in SECTIONS.items():
        keys = [key for key in layers.list_layers() if _folder(key) == folder]
        parts.append(f"## {title}\n")
        parts += [_entry(key, data[key]) for key in keys]
    return "\n".join(parts)


def _folder(key: str) -> str:
    return ATTENTION[key].__module__.split(".")[-2]


def _table(data) -> str:
    rows = [HEAD, ["---"] * len(HEAD)]
    for key in layers.list_layers():
        found = data[key]
        rows.append(
            (
                f"[`{key}`](#{key})",
                ATTENTION[key].__name__,
                ", ".join(ATTENTION[key].slots),
                _kinds(key),
                f"{found['parameters']:,}",
                *(_short(found["macs"][str(side)]) for side in SIDES),
                "yes" if found["mask"] else "",
                found["sizes"],
                found["export"]["onnx"].split(" ")[0],
                found["export"]["litert"].split(" ")[0],
            )
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _kinds(key: str) -> str:
    kinds = ATTENTION[key].score_kind
    return ", ".join(kinds) if isinstance(kinds, dict) else kinds


def _short(number: int) -> str:
    """12,345,678 as "12 M", in two digits or more."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            share = number / size
            return f"{share:.1f} {unit}" if share < 10 else f"{share:.0f} {unit}"
    return str(number)


def _entry(key: str, found: dict) -> str:
    names = sorted(alias for alias, spec in ALIASES.items() if spec["type"] == key)
    lines = [f'### <a id="{key}"></a>`{key}`: {ATTENTION[key].__name__}\n', f"    {formula(key)}\n"]
    lines.append(f"- Example: `y = {example(key).code(key)}`")
    if names:
        lines.append(f"- Other names: {', '.join(f'`{name}`' for name in names)}")
    oracles = (f"{name} {upper(value)}" for name, value in found["oracles"].items())
    lines.append(f"- Worst error: {', '.join(oracles)}")
    lines.append(f"- Backends: {', '.join(found['backends'])}; {', '.join(found['dtypes'])}")
    notes = [f"{name} {told}" for name, told in found["export"].items() if told != "yes"]
    if notes:
        lines.append(f"- Export: {'; '.join(notes)}")
    lines.append(f"- Paper: {reference(key)}\n")
    return "\n".join(lines)


def formula(key: str) -> str:
    """The first paragraph of the docstring: the layer's equation."""
    return inspect.getdoc(ATTENTION[key]).split("\n\n")[0].replace("\n", " ")


def reference(key: str) -> str:
    """The reference that closes the docstring, on one line."""
    words = inspect.getdoc(ATTENTION[key])
    found = re.search(r"References?:\s*(.+)", words, re.DOTALL)
    if found is None:
        raise ValueError(f"The docstring of {ATTENTION[key].__name__} has no Reference.")
    return " ".join(found[1].split("\n\n")[0].split())


def upper(value: float) -> str:
    """An error in one digit, rounded up: 3.1e-07 as "4e-07"."""
    if value == 0:
        return "0"
    power = math.floor(math.log10(value))
    digit = math.ceil(value / 10**power - 1e-9)
    return f"1e-{-power - 1:02d}" if digit == 10 else f"{digit}e-{-power:02d}"
