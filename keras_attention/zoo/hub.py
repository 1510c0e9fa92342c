"""Files of repositories on the Hugging Face Hub, checked against the hashes that the Hub names."""

import hashlib
import os
import pathlib
import re
from collections.abc import Sequence

from .errors import HubError, IntegrityError, UnknownModelError

# A content's hash as the Hub's client names files in its cache: SHA-256 of a large file, Git's
# SHA-1 of a small one.
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
CHUNK = 1 << 20


def fetch(repo: str, files: Sequence[str], revision: str | None = None) -> pathlib.Path:
    """The folder of the Hub's cache that holds these files of one revision of a repository.

    What is missing is downloaded; what is there is used. Each file is hashed before it is handed
    out, and fetched once more if it is not what the Hub says it is.

    Args:
        repo: "owner/name".
        files: Their names in the repository.
        revision: A branch, tag or commit; None is the main branch.
    Raises: UnknownModelError where there is no such repository, revision or file; HubError where
        the Hub cannot be reached or refuses; IntegrityError for a file that stays wrong.
    """
    paths = [_checked(repo, name, revision) for name in files]
    return paths[0].parent


def _checked(repo, name, revision) -> pathlib.Path:
    path = _download(repo, name, revision)
    if _is_intact(path):
        return path
    path = _download(repo, name, revision, force_download=True)
    if _is_intact(path):
        return path
    raise IntegrityError(
        f"{repo}/{name} is not what the Hub says it is, even after a second download. Expected "
        f"content with hash {_named(path)}. Received: {path.stat().st_size} bytes with another."
    )


def _download(repo, name, revision, **options) -> pathlib.Path:
    from huggingface_hub import errors, hf_hub_download

    place = f"{repo}{'@' + revision if revision else ''}/{name}"
    try:
        path = hf_hub_download(
            repo,
            name,
            revision=revision,
            library_name="keras-attention-zoo",
            **options,
        )
    except errors.GatedRepoError as error:
        raise HubError(
            f"{place}: the repository asks for terms to be accepted. Accept them on its page and "
            f"log in with `hf auth login`. {error}"
        ) from error
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
        errors.HFValidationError,
    ) as error:
        raise UnknownModelError(f"The Hub has no {place}: {_first_line(error)}") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise HubError(
            f"{place} is not in the cache and the Hub cannot be reached. With a connection, "
            f"`hf download {repo}` fetches it; HF_HUB_OFFLINE and HF_ENDPOINT may keep from it. "
            f"{_first_line(error)}"
        ) from error
    except OSError as error:
        raise HubError(f"{place} could not be fetched: {_first_line(error)}") from error
    return pathlib.Path(path)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _named(path: pathlib.Path) -> str:
    """The hash in the name of the cached content behind a link of the cache."""
    return pathlib.Path(os.path.realpath(path)).name


def _is_intact(path: pathlib.Path) -> bool:
    """Whether a file has the content that its name in the cache promises."""
    name = _named(path)
    if _SHA256.fullmatch(name):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(name):
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % path.stat().st_size)
    else:
        return True  # a file system without links, where the cache does not keep hashes
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == name
