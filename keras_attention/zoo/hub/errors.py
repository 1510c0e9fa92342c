"""What the Hub's client raises, said in this library's errors."""

import contextlib
import errno
from collections.abc import Iterator

from ..errors import AccessError, CacheError, HubError, NotFoundError, OfflineError, ZooError

# A disk that is full, a place where nothing may be written or that is no folder, a limit of size.
UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EFBIG,
)


@contextlib.contextmanager
def translated(repo: str, place: str) -> Iterator[None]:
    """Raise this library's errors in a block that asks the Hub for `place` in `repo`."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except ZooError:
        raise
    except errors.GatedRepoError as error:
        raise AccessError(
            f"{place}: the repository asks for terms to be accepted. Accept them on its page and "
            f"log in with `hf auth login`. {first_line(error)}"
        ) from error
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
        errors.HFValidationError,
    ) as error:
        raise NotFoundError(f"The Hub has no {place}: {first_line(error)}") from error
    except (
        errors.LocalEntryNotFoundError,
        errors.OfflineModeIsEnabled,
        errors.RevisionResolutionError,
    ) as error:
        if isinstance(error.__cause__, errors.HfHubHTTPError):  # the Hub was there, and refused
            raise _of_status(error.__cause__, place) from error
        raise OfflineError(
            f"{place} is not in the cache and the Hub cannot be reached. With a connection, "
            f"`hf download {repo}` fetches it; HF_HUB_OFFLINE and HF_ENDPOINT may keep from it. "
            f"{first_line(error)}"
        ) from error
    except ValueError as error:  # where the Hub fails while a download is forced
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _of_status(error.__cause__, place) from error
        if error.__cause__ is None:
            raise
        raise OfflineError(
            f"{place} must be fetched again and the Hub cannot be reached. {error.__cause__}"
        ) from error
    except errors.HfHubHTTPError as error:
        raise _of_status(error, place) from error
    except httpx2.TransportError as error:
        raise HubError(
            f"{place} could not be fetched, as the connection broke: {error!r}. Load again, or "
            "name a mirror in HF_ENDPOINT."
        ) from error
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise CacheError(
                error.errno,
                f"{place} cannot be written into the cache: {error}. HF_HOME or cache_dir= names "
                "another place",
            ) from error
        raise HubError(f"{place} could not be fetched: {first_line(error)}") from error


def may_pass(error: HubError) -> bool:
    """Whether it may help to ask again what the client asked once."""
    import httpx2
    from huggingface_hub import errors

    cause = error.__cause__
    if isinstance(cause, errors.HfHubHTTPError):
        return cause.response is not None and cause.response.status_code >= 500
    return isinstance(cause, httpx2.TransportError)


def _of_status(error, place: str) -> HubError:
    status = error.response.status_code if error.response is not None else None
    kind = AccessError if status in (401, 403) else HubError
    return kind(f"The Hub does not give {place}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0]
