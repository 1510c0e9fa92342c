"""Files of repositories on the Hub, none of which is read before its hash is right."""

import concurrent.futures
import errno
import pathlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import CacheError, HubError, IntegrityError, NotFoundError, OfflineError
from ..files.manifest import File
from .access import Access
from .errors import may_pass, translated
from .hashes import is_intact, named

# The client goes on where a connection ends early, but gives up where it is reset or the Hub fails
# while it sends a file.
TRIES, PAUSES = 3, (1.0, 3.0)
pause = time.sleep
ROOM = 1 << 26  # bytes of the disk that a download leaves free


def has(repo: str, name: str, commit: str, access: Access) -> bool:
    """Whether a repository has this file, which is fetched to find out.

    Without a connection: whether it is in the cache.
    """
    import huggingface_hub

    known = huggingface_hub.try_to_load_from_cache(
        repo, name, cache_dir=access.cache_dir, revision=commit
    )
    if known is not None:
        return isinstance(known, str)
    try:
        _download(repo, name, commit, access)
    except OfflineError:
        return False  # it is not here, and whoever needs it says so
    except NotFoundError as error:
        if isinstance(error.__cause__, huggingface_hub.errors.RemoteEntryNotFoundError):
            return False
        raise
    return True


def fetch(
    repo: str,
    files: Sequence[str],
    commit: str,
    access: Access,
    pins: Mapping[str, File] | None = None,
) -> pathlib.Path:
    """The folder of the Hub's cache that holds these files of one commit of a repository.

    What is missing is downloaded; what is there is used. Each file is hashed before it is handed
    out, and fetched once more if it is another.

    Args:
        repo: "owner/name".
        files: Their names in the repository.
        commit: Of 40 hex digits; a branch or tag is for `resolve`.
        access: How the Hub may be asked.
        pins: The hash and the size that each file must have; None takes those that the Hub names.
    Raises: NotFoundError where there is no such repository, commit or file; AccessError where it
        refuses; OfflineError where it may not or cannot be asked; CacheError where nothing can be
        written; HubError for anything else of that kind; IntegrityError for a file that stays
        wrong.
    """
    paths = [fetch_meanwhile(repo, name, commit, access, pins)() for name in files]
    return paths[0].parent


def fetch_meanwhile(
    repo: str,
    name: str,
    commit: str,
    access: Access,
    pins: Mapping[str, File] | None = None,
) -> Callable[[], pathlib.Path]:
    """Like `fetch` of one file, which is hashed while the caller does something else.

    Returns: A function that waits for the hash and gives the path of the file, which nothing may
        read before.
    """
    pin = pins[name] if pins is not None else None
    path = _download(repo, name, commit, access, size=pin.size if pin else None)
    hashing = concurrent.futures.ThreadPoolExecutor(1)
    intact = hashing.submit(is_intact, path, pin, repo, commit, access)
    hashing.shutdown(wait=False)

    def wait() -> pathlib.Path:
        return path if intact.result() else _fetched_again(path, repo, name, commit, access, pin)

    return wait


def _fetched_again(path, repo, name, commit, access: Access, pin) -> pathlib.Path:
    if access.local_files_only:
        raise IntegrityError(
            f"{repo}/{name} in the cache is not the published file. With local_files_only=False it "
            "would be fetched again."
        )
    if not path.is_symlink():  # the client would leave a real file as it is
        with translated(repo, f"{repo}/{name} at {commit}"):
            path.unlink(missing_ok=True)
    path = _download(repo, name, commit, access, force_download=True)
    if is_intact(path, pin, repo, commit, access):
        return path
    expected = f"{pin.size} bytes with SHA-256 {pin.sha256}" if pin else f"the hash {named(path)}"
    size = path.stat().st_size
    for left in (path.resolve(), path):  # or other programs would take it for good
        left.unlink(missing_ok=True)
    raise IntegrityError(
        f"{repo}/{name} at {commit} is not the published file, even after a second download. "
        f"Expected {expected}. Received: {size} bytes with another hash."
    )


def _download(
    repo: str, name: str, commit: str, access: Access, size: int | None = None, **options
) -> pathlib.Path:
    from huggingface_hub import hf_hub_download

    place = f"{repo}/{name} at {commit}"
    for attempt in range(TRIES):
        try:
            with translated(repo, place + (f" ({size} bytes)" if size else "")):
                _check_room(repo, name, commit, access, size)
                path = hf_hub_download(
                    repo,
                    name,
                    revision=commit,
                    library_name="keras-attention-zoo",
                    **access.options(),
                    **options,
                )
                return pathlib.Path(path)
        except HubError as error:
            if attempt == TRIES - 1 or not may_pass(error):
                raise
            pause(PAUSES[attempt])
    raise AssertionError("unreachable")


def _check_room(repo: str, name: str, commit: str, access: Access, size: int | None) -> None:
    """Refuse a download for which the disk has no room."""
    from huggingface_hub import constants, try_to_load_from_cache

    if isinstance(
        try_to_load_from_cache(repo, name, cache_dir=access.cache_dir, revision=commit), str
    ):
        return
    place = pathlib.Path(access.cache_dir or constants.HF_HUB_CACHE)
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if size is not None and free < size + ROOM:
        raise CacheError(
            errno.ENOSPC,
            f"{place} has {free} bytes free. Expected {size} and {ROOM} more. HF_HOME or "
            "cache_dir= names another place",
        )
