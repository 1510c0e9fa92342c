"""Files of repositories on the Hugging Face Hub, none of which is read before its hash is right."""

import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import CacheError, HubError, IntegrityError, NotFoundError, OfflineError
from .hub_errors import may_pass, translated
from .manifest import File

# A content's hash as the Hub's client names files in its cache: SHA-256 of a large file, Git's
# SHA-1 of a small one.
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
# Each chunk waits for Python's lock, which the caller of `fetch_meanwhile` holds most of the time.
CHUNK = 1 << 24
# The client goes on where a connection ends early, but gives up where it is reset or the Hub fails
# while it sends a file.
TRIES, PAUSES = 3, (1.0, 3.0)
pause = time.sleep
ROOM = 1 << 26  # bytes of the disk that a download leaves free


@dataclasses.dataclass(frozen=True)
class Access:
    """How the Hub may be asked: arguments of `load`, which explains them."""

    revision: str | None = None
    cache_dir: str | pathlib.Path | None = None
    local_files_only: bool = False
    token: str | bool | None = None

    def options(self) -> dict[str, Any]:
        """These for the client, but for the revision."""
        fields = dataclasses.asdict(self)
        del fields["revision"]
        return fields


def resolve(repo: str, files: Sequence[str], access: Access) -> str:
    """The commit that a revision stands for.

    Without a revision, what is in the cache is what is used: the Hub is asked where one of `files`
    is not there. A commit stands for itself.
    Raises: NotFoundError, AccessError, OfflineError or HubError.
    """
    if access.revision and _SHA1.fullmatch(access.revision):
        return access.revision
    with translated(repo, f"{repo}{'@' + access.revision if access.revision else ''}"):
        import huggingface_hub

        if access.revision is None:
            cached = [
                huggingface_hub.try_to_load_from_cache(repo, name, cache_dir=access.cache_dir)
                for name in files
            ]
            commits = {pathlib.Path(path).parent.name for path in cached if isinstance(path, str)}
            if len(commits) == 1 and all(isinstance(path, str) for path in cached):
                return commits.pop()
        api = huggingface_hub.HfApi(library_name="keras-attention-zoo")
        found = api.resolve_revision(repo, revision=access.revision, **access.options())
        return found.resolved


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
        path.unlink(missing_ok=True)
    path = _download(repo, name, commit, access, force_download=True)
    if is_intact(path, pin, repo, commit, access):
        return path
    expected = f"{pin.size} bytes with SHA-256 {pin.sha256}" if pin else f"the hash {named(path)}"
    raise IntegrityError(
        f"{repo}/{name} at {commit} is not the published file, even after a second download. "
        f"Expected {expected}. Received: {path.stat().st_size} bytes with another hash."
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
            f"{place} has {free} bytes free. Expected {size} and {ROOM} more. HF_HOME or "
            "cache_dir= names another place"
        )


def named(path: pathlib.Path) -> str:
    """The hash in the name of the cached content behind a link of the cache."""
    return pathlib.Path(os.path.realpath(path)).name


def is_intact(path: pathlib.Path, pin: File | None, repo: str, commit: str, access: Access) -> bool:
    """Whether a file is the pinned one, or has the content that its name in the cache promises."""
    size = path.stat().st_size
    if pin is not None:
        return size == pin.size and _digest(path, hashlib.sha256()) == pin.sha256
    name = named(path)
    if not (_SHA256.fullmatch(name) or _SHA1.fullmatch(name)):
        name = _hash_on_the_hub(repo, path.name, commit, access)
    if _SHA256.fullmatch(name):
        return _digest(path, hashlib.sha256()) == name
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % size)
    return _digest(path, digest) == name


def _hash_on_the_hub(repo: str, name: str, commit: str, access: Access) -> str:
    """What the Hub says, where the cache has no links and so does not keep hashes."""
    import huggingface_hub

    if access.local_files_only:
        raise OfflineError(
            f"{repo}/{name}: this cache keeps no hashes, so that the Hub must be asked for them. "
            "local_files_only=False allows it."
        )
    with translated(repo, f"the hash of {repo}/{name}"):
        api = huggingface_hub.HfApi(library_name="keras-attention-zoo")
        for entry in api.list_repo_tree(repo, revision=commit, token=access.token):
            if entry.path == name and isinstance(entry, huggingface_hub.RepoFile):
                return entry.lfs.sha256 if entry.lfs else entry.blob_id
    raise NotFoundError(f"The Hub has no {repo}/{name} at {commit}")


def _digest(path: pathlib.Path, digest) -> str:
    buffer = memoryview(bytearray(min(path.stat().st_size, CHUNK)))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
