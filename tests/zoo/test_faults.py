"""Every fault ends with the published files or with the error that is promised."""

import subprocess
import sys
import time

import keras
import pytest

from keras_attention.zoo import hub
from tests import fake_hub
from tests.source import ROOT
from tests.zoo import faults

CHILD = """
import sys
from keras_attention.zoo import hub
folder = hub.fetch(sys.argv[1], sys.argv[3:], sys.argv[2], hub.Access())
print(all((folder / name).is_file() for name in sys.argv[3:]))
"""


@pytest.mark.parametrize("name", faults.CASES)
def test_a_fault(name, tmp_path):
    case, waited = faults.CASES[name], []
    result = faults.run(case, tmp_path, waited.append)
    assert result.right
    if case.outcome is None:
        assert result.error is None
    else:
        assert isinstance(result.error, case.outcome), result.error
    assert len(waited) < 3 and sum(waited) < 10


def test_files_that_are_wrong_are_told(tmp_path):
    """The judge of the cases is not blind."""
    case = faults.Case(lambda server, folder: server.add(faults.REPO, {"config.json": b"{}"}))
    files = dict(faults.FILES)
    try:
        result = faults.run(case, tmp_path / "right")
        assert result.right
        case = faults.Case(lambda *_: faults.FILES.update({"config.json": b"other"}))
        assert not faults.run(case, tmp_path / "wrong").right
    finally:
        faults.FILES.update(files)


def child(server, home, commit):
    """A process of its own that fetches the files."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, faults.REPO, commit, *faults.FILES],
        env=fake_hub.environment(server, home),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


ONCE = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="no backend has a part in it: asked of one"
)


@ONCE
def test_four_processes_download_once(tmp_path):
    with fake_hub.connected(tmp_path) as server:
        commit = server.add(faults.REPO, faults.FILES)
        server.fault(faults.WEIGHTS, slow=0.5)
        children = [child(server, tmp_path, commit) for _ in range(4)]
        assert [one.communicate(timeout=120)[0].strip() for one in children] == ["True"] * 4
        assert len(server.asked(faults.WEIGHTS, "GET")) == 1


@ONCE
def test_a_process_that_is_killed_while_it_downloads_leaves_nothing_wrong(tmp_path):
    with fake_hub.connected(tmp_path) as server:
        commit = server.add(faults.REPO, faults.FILES)
        server.fault(faults.WEIGHTS, stall=5000, times=1)
        killed = child(server, tmp_path, commit)
        until = time.monotonic() + 60
        while not server.asked(faults.WEIGHTS, "GET") and time.monotonic() < until:
            time.sleep(0.05)
        killed.kill()
        killed.communicate(timeout=10)
        assert killed.returncode == -9
        folder = hub.fetch(faults.REPO, tuple(faults.FILES), commit, hub.Access())
        for name, content in faults.FILES.items():
            assert (folder / name).read_bytes() == content
