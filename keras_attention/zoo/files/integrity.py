"""Bytes are hashed before anything parses them."""

import hashlib
import pathlib
from collections.abc import Callable

from ..errors import IntegrityError

REMEDY = "Install keras-attention-zoo again to restore it."


def read_verified(path: pathlib.Path, size: int, sha256: str, remedy: str = REMEDY) -> bytes:
    """The content of a file, if it has the expected size in bytes and SHA-256.

    What is returned is what was hashed: the file is read once. `remedy` is what may help, for the
    error.
    Raises: IntegrityError that names the file, what was expected and what is there.
    """

    def read() -> tuple[bytes, str]:
        content = path.read_bytes()
        return content, hashlib.sha256(content).hexdigest()

    return _verified(path, size, sha256, remedy, read)


def check(path: pathlib.Path, size: int, sha256: str, remedy: str = REMEDY) -> None:
    """Like `read_verified`, of a file too large to hold in memory."""

    def read() -> tuple[bytes, str]:
        with path.open("rb") as file:
            return b"", hashlib.file_digest(file, "sha256").hexdigest()

    _verified(path, size, sha256, remedy, read)


def _verified(
    path: pathlib.Path, size: int, sha256: str, remedy: str, read: Callable[[], tuple[bytes, str]]
) -> bytes:
    """What `read` gives first, if the file has that size and `read` gives that hash."""
    expected = f"Expected {size} bytes with SHA-256 {sha256}."
    try:
        actual_size = path.stat().st_size
        # A wrong size is told without reading, so that no file is too large to refuse.
        if actual_size != size:
            raise IntegrityError(
                f"{path} has the wrong size. {expected} Received: {actual_size} bytes. {remedy}"
            )
        content, actual = read()
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error}. {expected} {remedy}") from error
    if actual != sha256:
        raise IntegrityError(
            f"{path} is not the published file. {expected} Received: SHA-256 {actual}. {remedy}"
        )
    return content
