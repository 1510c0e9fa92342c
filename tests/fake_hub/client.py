"""The client, in this process or a child, made to talk to the double only."""

import contextlib
import importlib
import os
import pathlib
import time
from unittest import mock

from .server import running
from .state import TOKEN, Hub


@contextlib.contextmanager
def connected(home: pathlib.Path, **settings):
    """A running Hub and the client of this process pointed at it, with its cache below `home`.

    The client does not wait before it tries again: `naps` of the Hub says how long it would have.
    It warns of its own ways when it sends a file to LFS; tests that do so ignore
    "Use 'content=<...>' to upload", a DeprecationWarning.
    """
    with running(**settings) as hub, _pointed_at(hub, home):
        yield hub


def environment(hub: Hub, home: pathlib.Path) -> dict[str, str]:
    """The environment of a child process whose client talks to the Hub."""
    ours = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_", "TRANSFORMERS_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return {
        **kept,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
    }


@contextlib.contextmanager
def _pointed_at(hub, home):
    # The client reads its settings once, at import, into these modules.
    names = ("constants", "file_download", "hf_api", "utils._http", "utils.tqdm")
    constants, file_download, hf_api, http, tqdm = (
        importlib.import_module(f"huggingface_hub.{name}") for name in names
    )
    values = {
        "AGENT_HARNESSES_PATH": str(home / "agents.json"),
        "ENDPOINT": hub.address,
        "HF_ASSETS_CACHE": str(home / "assets"),
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
        "HF_STORED_TOKENS_PATH": str(home / "tokens"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
    }
    clock = _Clock(hub.naps)
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.multiple(constants, **values))
        stack.enter_context(mock.patch.object(hf_api.api, "endpoint", hub.address))
        stack.enter_context(mock.patch.object(http, "time", clock))
        stack.enter_context(mock.patch.object(file_download, "time", clock))
        stack.enter_context(mock.patch.object(tqdm, "HF_HUB_DISABLE_PROGRESS_BARS", True))
        settings = {"HF_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        stack.enter_context(mock.patch.dict(os.environ, settings))
        http.close_session()  # it may keep connections from before
        stack.callback(http.close_session)
        yield


class _Clock:
    """The module `time`, but for waiting."""

    def __init__(self, naps: list[float]):
        self.sleep = naps.append

    def __getattr__(self, name):
        return getattr(time, name)
