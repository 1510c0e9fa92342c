"""How the Hub may be asked, and the commit that it is asked for."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from .errors import translated

COMMIT = re.compile(r"[0-9a-f]{40}")


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
    if access.revision and COMMIT.fullmatch(access.revision):
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
