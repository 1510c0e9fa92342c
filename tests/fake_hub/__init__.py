"""A Hugging Face Hub on the loopback address, for the real client, with faults on request.

with fake_hub.connected(tmp_path) as hub:  # the client of this process now talks to `hub`
    commit = hub.add("me/model", {"config.json": b"{}"}, tag="v1")
    hub.fault("config.json", cut=1, times=1)
    hf_hub_download("me/model", "config.json")
    assert len(hub.asked("config.json", "GET")) == 2
"""

from .client import connected, environment
from .server import running
from .state import OWNER, TOKEN, Hub, Repo, Request

__all__ = ["OWNER", "TOKEN", "Hub", "Repo", "Request", "connected", "environment", "running"]
