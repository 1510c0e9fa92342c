"""Whether a file is the one that the Hub has, by its hash."""

import hashlib
import os
import pathlib
import re

from ..errors import NotFoundError, OfflineError
from ..files.manifest import File
from .access import Access
from .errors import translated

# A content's hash as the Hub's client names files in its cache: SHA-256 of a large file, Git's
# SHA-1 of a small one.
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
# Each chunk waits for Python's lock, which the caller of `fetch_meanwhile` holds most of the time.
CHUNK = 1 << 24


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
