"""The header of a safetensors file, checked before anything else reads the file.

The format promises that offsets fit and nothing runs. It does not promise that names are sane and
unique, or that the header is small.
"""

import math
import pathlib
import struct
from typing import NamedTuple

from ..errors import IntegrityError, ManifestError
from . import plain_json

# A header of ten thousand tensors is about 1 MB.
LARGEST, LARGEST_METADATA = 10_000_000, 1_000_000  # bytes
LONGEST_NAME = 512
SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


class Tensor(NamedTuple):
    """One entry of a header."""

    dtype: str
    shape: tuple[int, ...]


def read(path: pathlib.Path) -> dict[str, Tensor]:
    """The tensors that a file says it has, none of whose data is read.

    Raises: IntegrityError where the header is damaged, larger than any real one, names a tensor
        twice or oddly, or does not cover the file without gaps.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST:
                raise IntegrityError(
                    f"{path}: its header is too large. Expected at most {LARGEST} bytes. "
                    f"Received: {length}"
                )
            content = file.read(length)
        size = path.stat().st_size
    except (struct.error, OSError) as error:
        raise IntegrityError(f"{path} is not a readable safetensors file: {error}") from error
    return parse(content, size - 8 - length, str(path))


def of_bytes(content: bytes, source: str) -> dict[str, Tensor]:
    """Like `read`, of a file that is in memory."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > LARGEST:
        raise IntegrityError(f"{source} is not a readable safetensors file: no header")
    return parse(content[8 : 8 + length], len(content) - 8 - length, source)


def parse(content: bytes, data: int, source: str) -> dict[str, Tensor]:
    """Like `read`, of the header's own bytes and the number of bytes that follow them."""
    try:
        entries = plain_json.parse(content, source, LARGEST)
        metadata = entries.pop("__metadata__", {})
        _check_metadata(metadata, source)
        tensors = {name: _tensor(name, entry) for name, entry in entries.items()}
        _check_offsets([entry["data_offsets"] for entry in entries.values()], data)
    except (ManifestError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{source} is not a readable safetensors file: {error}") from error
    return tensors


def _check_metadata(metadata, source: str) -> None:
    size = sum(len(key) + len(value) for key, value in metadata.items())
    if size > LARGEST_METADATA:
        raise IntegrityError(
            f"{source}: its metadata is too large. Expected at most {LARGEST_METADATA} "
            f"characters. Received: {size}"
        )


def _tensor(name: str, entry: dict) -> Tensor:
    odd = not name.isprintable() or len(name) > LONGEST_NAME or name.startswith(("/", "\\"))
    if odd or ".." in name.replace("\\", "/").split("/"):
        raise ValueError(f"{name[:80]!r} is no name of a tensor")
    dtype, shape = entry["dtype"], tuple(entry["shape"])
    if any(isinstance(side, bool) or not isinstance(side, int) or side < 0 for side in shape):
        raise ValueError(f"{name!r} has no shape. Received: shape={shape}")
    start, end = entry["data_offsets"]
    if dtype not in SIZES or end - start != math.prod(shape) * SIZES[dtype]:
        raise ValueError(f"{name!r} of {shape} and {dtype!r} cannot have {end - start} bytes")
    return Tensor(dtype, shape)


def _check_offsets(offsets: list, data: int) -> None:
    """Refuse tensors that overlap, leave gaps or do not end with the file."""
    end = 0
    for start, stop in sorted(map(tuple, offsets)):
        if start != end:
            raise ValueError(f"data from byte {end} to {start} belong to no or to two tensors")
        end = stop
    if end != data:
        raise ValueError(f"the header speaks of {end} bytes. Received: {data}")
