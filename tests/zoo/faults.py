"""What can go wrong on the way from the Hub, and what becomes of it: `make faults`.

Each fault is put between a Hub on the loopback address and the client, a model's files are fetched,
and the outcome is either these files or one of this library's errors. `test_faults.py` asserts it.
"""

import dataclasses
import hashlib
import pathlib
import tempfile
from collections.abc import Callable

from huggingface_hub import constants

from keras_attention import zoo
from keras_attention.zoo import hub
from keras_attention.zoo.files.manifest import File
from tests import fake_hub

REPO = "someone/model"
FILES = {"config.json": b'{"depth": 18}', "model.safetensors": bytes(range(256)) * 64}
WEIGHTS = "model.safetensors"


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault, by what it does to the Hub or the cache, and how it must end.

    `outcome`: None where the right files come all the same. `cached`: whether they were fetched
    before the fault. `pinned`: whether their hashes are known beforehand.
    """

    spoil: Callable
    outcome: type[zoo.ZooError] | None = None
    cached: bool = False
    pinned: bool = False
    access: hub.Access = dataclasses.field(default_factory=hub.Access)


def fault(**what):
    """Spoil what is sent of the weights."""

    def spoil(server, _):
        server.fault(WEIGHTS, **what)

    return spoil


def in_cache(content: bytes | None):
    """Put something else in the place of the cached weights."""

    def spoil(_, folder):
        path = (folder / WEIGHTS).resolve()
        path.write_bytes(content if content is not None else FILES[WEIGHTS][:1000])

    return spoil


def gone(server, _):
    del server.repos[REPO]


def gated(server, _):
    server.repos[REPO].gated = True


def moved(server, _):
    server.add(REPO, {"config.json": b"{}", WEIGHTS: b"another"})


def nothing(*_):
    pass


def unreachable(server, _):
    server.fault("", status=500)


CASES = {
    "nothing": Case(nothing),
    "connection cut, once": Case(fault(cut=5000, times=1)),
    "connection cut, always, no progress": Case(fault(cut=0), zoo.HubError),
    "connection reset, once": Case(fault(reset=5000, times=1)),
    "connection reset, always": Case(fault(reset=5000), zoo.HubError),
    "status 500 while a file is sent, once": Case(fault(status=500, method="GET", times=1)),
    "status 500 while a file is sent, always": Case(fault(status=500, method="GET"), zoo.HubError),
    "status 503, twice": Case(fault(status=503, times=2)),
    "status 503, always": Case(fault(status=503), zoo.HubError),
    "status 401": Case(fault(status=401), zoo.HubError),
    "status 403": Case(fault(status=403), zoo.AccessError),
    "wrong byte, once": Case(fault(flip=True, times=1)),
    "wrong byte, once, pinned": Case(fault(flip=True, times=1), pinned=True),
    "wrong byte, always": Case(fault(flip=True), zoo.IntegrityError),
    "wrong byte, always, pinned": Case(fault(flip=True), zoo.IntegrityError, pinned=True),
    "too short": Case(fault(short=100), zoo.HubError),
    "wrong hash named": Case(fault(etag="0" * 64), zoo.IntegrityError),
    "page of a gate": Case(fault(page=True), zoo.ZooError),
    "redirect to another host": Case(lambda server, _: setattr(server, "redirect", True)),
    "slow": Case(fault(slow=0.05)),
    "repository gone": Case(gone, zoo.NotFoundError),
    "repository gone, cached": Case(gone, cached=True),
    "repository gated": Case(gated, zoo.AccessError),
    "branch moved, pinned commit": Case(moved),
    "cached file cut short": Case(in_cache(None), cached=True),
    "cached file cut short, pinned": Case(in_cache(None), cached=True, pinned=True),
    "cached file altered": Case(in_cache(bytes(16_384)), cached=True),
    "cached file altered, Hub gone": Case(
        lambda *both: (in_cache(b"?")(*both), gone(*both)), zoo.HubError, cached=True
    ),
    "local files only, nothing cached": Case(
        nothing, zoo.OfflineError, access=hub.Access(local_files_only=True)
    ),
    "local files only, cached": Case(
        unreachable, cached=True, access=hub.Access(local_files_only=True)
    ),
    "local files only, cached file altered": Case(
        in_cache(b"?"), zoo.IntegrityError, cached=True, access=hub.Access(local_files_only=True)
    ),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a case: the error, if any, how often the weights were asked for, and whether
    the files that came are the published ones.
    """

    error: Exception | None
    tries: int
    right: bool


def run(case: Case, home: pathlib.Path, wait: Callable[[float], None] = lambda _: None) -> Result:
    """Fetch a model's files through a fault; `wait` stands for the pauses between tries."""
    pins = {name: File(hashlib.sha256(data).hexdigest(), len(data)) for name, data in FILES.items()}
    pause, hub.fetching.pause = hub.fetching.pause, wait
    try:
        with fake_hub.connected(home) as server:
            commit = server.add(REPO, FILES)
            folder = None
            if case.cached:
                folder = hub.fetch(REPO, tuple(FILES), commit, hub.Access())
            server.requests.clear()
            case.spoil(server, folder)
            error, right = None, True
            try:
                folder = hub.fetch(
                    REPO, tuple(FILES), commit, case.access, pins if case.pinned else None
                )
                right = all((folder / name).read_bytes() == data for name, data in FILES.items())
            except Exception as caught:
                error = caught
            return Result(error, len(server.asked(WEIGHTS)), right)
    finally:
        hub.fetching.pause = pause


def main() -> None:
    print(f"{'fault':42} {'tries':>5}  outcome")
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as home:
            result = run(case, pathlib.Path(home))
        outcome = type(result.error).__name__ if result.error else "the published files"
        print(f"{name:42} {result.tries:5}  {outcome if result.right else 'WRONG FILES'}")


if __name__ == "__main__":
    constants.HF_HUB_DISABLE_PROGRESS_BARS = True
    main()
