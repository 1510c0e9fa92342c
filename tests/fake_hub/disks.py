"""Folders in which, from a moment on, nothing can be written.

with disks.DISKS["full"](tmp_path / "disk") as spoil:
    with spoil():
        assert shutil.disk_usage(tmp_path / "disk").free < 32_768
"""

import contextlib
import functools
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

ROOM = 5 * 4096  # bytes that are left, enough for the small files of a model


@contextlib.contextmanager
def mounted(folder: pathlib.Path, spoiled: Callable):
    """A disk of its own; what spoils it is handed out. The test is skipped where none is had."""
    folder.mkdir()
    _mount(folder, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    try:
        yield functools.partial(spoiled, folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(folder: pathlib.Path, *options: str) -> None:
    try:
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    if done.returncode:
        reason = done.stderr.strip().partition("\n")[0]
        pytest.skip(f"nothing can be mounted here: {reason}")


@contextlib.contextmanager
def _full(folder: pathlib.Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(file.tell() - ROOM)
    yield
    filler.unlink()


@contextlib.contextmanager
def _read_only(folder: pathlib.Path) -> Iterator[None]:
    _mount(folder, "-o", "remount,ro")
    yield
    _mount(folder, "-o", "remount,rw")


@contextlib.contextmanager
def limited(folder: pathlib.Path):
    """A folder; what is handed out limits the size of all files that this process writes."""
    folder.mkdir()
    yield _limit


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    resource = pytest.importorskip("resource", reason="this system has no limits of size")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


DISKS = {
    "full": functools.partial(mounted, spoiled=_full),
    "read-only": functools.partial(mounted, spoiled=_read_only),
    "limited": limited,
}
