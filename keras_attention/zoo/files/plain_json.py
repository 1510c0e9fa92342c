"""JSON that others wrote: small, shallow, without surprises."""

import json
from typing import Any

from ..errors import ManifestError

LARGEST = 1_000_000  # bytes
DEEPEST = 24  # lists and objects inside each other
LONGEST_NUMBER = 40  # characters; Python's integers have no bound of their own


def parse(content: bytes, source: str, largest: int = LARGEST) -> dict[str, Any]:
    """The one JSON object that these bytes are.

    Args:
        content: The file.
        source: Its name, for errors.
        largest: The most bytes that are looked at.
    Raises: ManifestError for what is too large or too deep, is no JSON, names one thing twice,
        holds a number that is not finite, or is not an object.
    """
    if len(content) > largest:
        raise ManifestError(
            f"{source} is too large. Expected at most {largest} bytes. Received: {len(content)}"
        )
    _check_depth(content, source)
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_short,
        )
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{source} is not JSON that can be used: {error}") from error
    if not isinstance(value, dict):
        raise ManifestError(f"{source} must hold one JSON object. Received: {type(value).__name__}")
    return value


def _check_depth(content: bytes, source: str) -> None:
    """Refuse deep nesting before a recursive parser meets it."""
    depth, deepest, inside, escaped = 0, 0, False, False
    for byte in content:
        if inside:
            inside = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > DEEPEST:
        raise ManifestError(
            f"{source} is nested too deeply. Expected at most {DEEPEST} levels. Received: {deepest}"
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} occurs twice in one object")
    return found


def _refuse(word: str):
    raise ValueError(f"{word} is not a number")


def _finite(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else float("inf")
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:LONGEST_NUMBER]} is too large")
    return value


def _short(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"an integer of {len(text)} digits is too large")
    return int(text)
