"""`load` in processes of their own: at once, killed, with their own settings, without a disk."""

import copy
import dataclasses
import hashlib
import io
import os
import pathlib
import signal
import sys
import time
import zipfile
from multiprocessing import forkserver, get_context

import keras
import numpy as np
import pytest

from keras_attention import models, zoo
from keras_attention.zoo import index, kinds
from keras_attention.zoo.files import manifest
from keras_attention.zoo.foreign import building, origin
from keras_attention.zoo.hub.errors import UNWRITABLE
from keras_attention.zoo.publishing import golden
from tests import fake_hub
from tests.backends import on_torch_alone
from tests.fake_hub import disks

pytestmark = [
    on_torch_alone,
    # The client's own, whenever it sends a file to LFS, and before a disk is full.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Not enough free disk space to download:UserWarning"),
]

REPO, NAME = "me/tuned", "hf://me/tuned"
NET, SIZE = "vit_tiny_patch16_224", (8, 8)
OPTIONS = {"width": 24, "depths": (2,), "hidden": 48, "patch": 4}
BUILT = {"attention": "mhsa", "num_classes": 3, "input_shape": (*SIZE, 3), **OPTIONS}
FILES = {manifest.NAME, *kinds.KINDS["classification"].read}
ARCHIVE, MEMBER = "net-0505-abc.pth.zip", "net-0505-abc.pth"
CONVERTED = ["net-0505-abc.json", "net-0505-abc.safetensors"]


def tuned(seed):
    keras.utils.set_random_seed(seed)
    return models.build(NET, **BUILT)


def answer(model):
    return golden.logits(model, SIZE)


@pytest.fixture(scope="module")
def processes():
    """Processes are forked from one that has imported Keras, but not the Hub's client: each reads
    its own settings.
    """
    forkserver.set_forkserver_preload(["keras_attention.zoo", "httpx2"])
    forkserver.ensure_running()  # it imports while the fixtures that follow are made
    return get_context("forkserver")


@pytest.fixture(scope="module")
def published(processes, tmp_path_factory):
    """A Hub with two releases of a model, and their models by tag."""
    with (
        fake_hub.connected(tmp_path_factory.mktemp("publisher")) as hub,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setitem(sys.modules, "keras_hub", None)  # it would import TensorFlow
        releases = {}
        for seed in range(2):
            model = tuned(seed)
            release = zoo.publish(model, REPO, attention="mhsa", options=OPTIONS)
            releases[release.tag] = model
    return hub, releases


@pytest.fixture
def hub(published, tmp_path):
    """A Hub of this test, with what is published."""
    with fake_hub.connected(tmp_path / "home") as hub:
        hub.repos = copy.deepcopy(published[0].repos)
        hub.blobs, hub.objects = dict(published[0].blobs), dict(published[0].objects)
        yield hub


@pytest.fixture(scope="module")
def releases(published):
    """The logits of each release."""
    return {tag: answer(model) for tag, model in published[1].items()}


@pytest.fixture
def newest(releases):
    return releases["v1.1.0"]


def child(environment, steps, told):
    """What a process does: each step in turn, of which it tells the outcome."""
    os.environ.clear()
    os.environ.update(environment)
    assert "huggingface_hub.constants" not in sys.modules
    for function, arguments, options in steps:
        try:
            told.send(function(*arguments, **options))
        except zoo.ZooError as error:
            told.send(error)


def started(processes, environment, *steps):
    heard, told = processes.Pipe(duplex=False)
    process = processes.Process(target=child, args=(environment, steps, told))
    process.start()
    told.close()
    return process, heard


def outcomes(process, heard, count):
    found = [heard.recv() for _ in range(count)]
    process.join(60)
    assert process.exitcode == 0
    return found


def loaded(*arguments, **options):
    return answer(zoo.load(*arguments, **options))


def kill_once(process, ready):
    """End it as nothing can be ended more abruptly."""
    until = time.monotonic() + 60
    while not ready() and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# A model of the Hub.


def test_four_processes_fetch_each_file_once(processes, hub, tmp_path, newest):
    hub.fault("model.safetensors", slow=0.2)
    environment, together = fake_hub.environment(hub, tmp_path / "cold"), processes.Barrier(4)
    steps = [(together.wait, (60,), {}), (loaded, (NAME,), {})]
    four = [started(processes, environment, *steps) for _ in range(4)]
    for _, logits in [outcomes(*one, len(steps)) for one in four]:
        np.testing.assert_allclose(logits, newest, rtol=1e-5)
    asked = hub.asked("/resolve/", "GET")
    names = [pathlib.PurePosixPath(request.target).name for request in asked]
    assert sorted(names) == sorted(FILES)


def test_killed_while_it_fetches(processes, hub, tmp_path, newest):
    hub.fault("model.safetensors", stall=5000, times=1)
    environment = fake_hub.environment(hub, tmp_path / "home")
    process, _ = started(processes, environment, (loaded, (NAME,), {}))
    kill_once(process, lambda: hub.asked("model.safetensors", "GET"))
    np.testing.assert_array_equal(loaded(NAME), newest)
    zoo.remove_cached(REPO)  # with what the client began and never deletes
    assert not list(tmp_path.rglob("*.incomplete"))


def test_settings_are_heeded(processes, hub, tmp_path, releases):
    """The endpoint, the home, the token and the revision: of a private repository."""
    hub.repos[REPO].private = hub.redirect = True
    user, home = tmp_path / "user", tmp_path / "elsewhere"
    user.mkdir()
    environment = {**fake_hub.environment(hub, home), "HOME": str(user)}
    del environment["HF_TOKEN"]
    steps = [
        (loaded, (NAME,), {}),
        (loaded, (NAME,), {"token": "hf_wrong"}),
        (loaded, (NAME,), {"token": fake_hub.TOKEN, "revision": "v1.0.0"}),
        (loaded, (f"{NAME}@main",), {"token": fake_hub.TOKEN}),
        (loaded, (NAME,), {"token": fake_hub.TOKEN, "revision": "v9"}),
    ]
    none, wrong, first, newest, nothing = outcomes(
        *started(processes, environment, *steps), len(steps)
    )
    assert isinstance(none, zoo.NotFoundError) and isinstance(wrong, zoo.AccessError), (none, wrong)
    np.testing.assert_array_equal(first, releases["v1.0.0"])
    np.testing.assert_array_equal(newest, releases["v1.1.0"])
    assert isinstance(nothing, zoo.NotFoundError) and "@v9" in str(nothing)
    assert {one.token for one in hub.asked(server="cdn")} == {None}
    assert {one.token for one in hub.asked("/resolve/", "GET")} == {fake_hub.TOKEN}
    assert FILES < set(files_below(home / "hub")) and files_below(user) == []


def test_without_a_connection_what_is_cached_is_loaded(processes, hub, tmp_path, releases):
    home, steps = tmp_path / "home", [(loaded, (NAME,), {"revision": "v1.0.0"})]
    loaded(*steps[0][1], **steps[0][2])
    hub.requests.clear()
    environment = fake_hub.environment(hub, home)
    offline = {**environment, "HF_HUB_OFFLINE": "1"}
    unreachable = {**environment, "HF_ENDPOINT": "http://127.0.0.1:9"}
    cold = (loaded, (NAME,), {"cache_dir": tmp_path / "cold"})
    one = started(processes, offline, *steps, cold)
    other = started(processes, unreachable, *steps)
    found, refused = outcomes(*one, 2)
    np.testing.assert_array_equal(found, releases["v1.0.0"])
    assert isinstance(refused, zoo.OfflineError) and "HF_HUB_OFFLINE" in str(refused)
    np.testing.assert_array_equal(outcomes(*other, 1)[0], releases["v1.0.0"])
    assert hub.requests == []


# A model whose weights others publish, converted here.


def published_elsewhere(hub, model, repo="them/net", beside=b""):
    """An entry of the index for a torch file with a model's weights, and the file on the Hub."""
    torch = pytest.importorskip("torch")
    stream, archive = io.BytesIO(), io.BytesIO()
    torch.save({one.path: torch.from_numpy(np.array(one)) for one in model.weights}, stream)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(MEMBER, stream.getvalue())
        opened.writestr("beside", beside)
    hub.add(repo, {ARCHIVE: archive.getvalue()})
    sha1 = hashlib.sha1(stream.getvalue(), usedforsecurity=False).hexdigest()
    url = f"{hub.address}/{repo}/resolve/main/{ARCHIVE}"
    return dataclasses.replace(
        zoo.info("resnet50_cbam"),
        architecture=NET,
        arguments=BUILT,
        input_size=SIZE,
        labels=(),
        origin={"url": url, "member": MEMBER, "sha1": sha1},
    )


def kept(folder):
    """The names of what is there, but for what processes wait at."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def converted(entry, dies_at=None):
    """The logits of the model of an entry; the weights have our names already.

    `dies_at`: the process ends where it would put its first, or second file in place.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "info", lambda _: entry)
        patch.setattr(building, "from_state", lambda model, state, _: state)
        if dies_at is not None:
            replace, left = os.replace, [dies_at]

            def put_in_place(*paths):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                replace(*paths)

            patch.setattr(os, "replace", put_in_place)
        return loaded(entry.name)


@pytest.fixture
def converters(monkeypatch, tmp_path):
    """The folder of what is converted."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return origin.cache()


@pytest.fixture
def entry(hub, published):
    return published_elsewhere(hub, published[1]["v1.1.0"])


@pytest.mark.parametrize("dies_at", [None, 1, 2], ids=["fetching", "writing", "noting"])
def test_killed_while_it_converts(processes, hub, entry, converters, newest, tmp_path, dies_at):
    if dies_at is None:
        hub.fault(ARCHIVE, stall=5000, times=1)
    environment = {**fake_hub.environment(hub, tmp_path), "KERAS_HOME": str(converters.parent)}
    process, _ = started(processes, environment, (converted, (entry, dies_at), {}))
    if dies_at is None:
        kill_once(process, lambda: list(converters.rglob(ARCHIVE)))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    left = {path for path in converters.iterdir() if path.name.endswith(".part")}
    assert len(left) == 1
    np.testing.assert_array_equal(converted(entry), newest)
    (path,) = left
    assert set(kept(converters)) == {path.name, *CONVERTED}
    yesterday = time.time() - 90_000
    os.utime(path, (yesterday, yesterday))
    converted(entry)
    assert kept(converters) == CONVERTED


def test_four_processes_convert_at_once(processes, hub, published, converters, newest, tmp_path):
    entry = published_elsewhere(hub, published[1]["v1.1.0"], beside=os.urandom(200_000))
    hub.fault(ARCHIVE, slow=0.1)
    environment = {**fake_hub.environment(hub, tmp_path), "KERAS_HOME": str(converters.parent)}
    together = processes.Barrier(4)
    steps = [(together.wait, (60,), {}), (converted, (entry,), {})]
    four = [started(processes, environment, *steps) for _ in range(4)]
    for _, logits in [outcomes(*one, len(steps)) for one in four]:
        np.testing.assert_array_equal(logits, newest)
    assert len(hub.asked(ARCHIVE, "GET")) == 1
    assert kept(converters) == CONVERTED


# No room to write.


@pytest.fixture
def disk(request, tmp_path):
    """A folder, and what takes the room in it away."""
    with disks.DISKS[request.param](tmp_path / "disk") as spoil:
        yield tmp_path / "disk", spoil


@pytest.mark.parametrize("disk", disks.DISKS, indirect=True)
def test_where_nothing_can_be_written(disk, hub, published, entry, newest, monkeypatch):
    folder, spoil = disk
    cached, cold = folder / "cached", folder / "cold"
    blank = tuned(0)
    blank.set_weights([np.zeros_like(one) for one in blank.get_weights()])
    # Small when it is fetched, and too large when it is written.
    compressed = published_elsewhere(hub, blank, "them/blank")

    def assert_loaded(place):
        monkeypatch.setenv("KERAS_HOME", str(place))
        np.testing.assert_array_equal(loaded(NAME, cache_dir=place), newest)
        np.testing.assert_array_equal(converted(entry), newest)

    assert_loaded(cached)
    with spoil():
        assert_loaded(cached)
        with pytest.raises(zoo.CacheError, match="HF_HOME or cache_dir= names another place"):
            loaded(NAME, cache_dir=cold)
        monkeypatch.setenv("KERAS_HOME", str(cold))
        for one in (entry, compressed):
            with pytest.raises(zoo.CacheError, match="KERAS_HOME names another place") as caught:
                converted(one)
            assert "Converted weights cannot be written into" in str(caught.value)
            assert caught.value.errno in UNWRITABLE
        assert not {"model.safetensors", *CONVERTED} & set(files_below(cold))
        assert not [*cold.rglob("*.incomplete"), *cold.rglob("*.part")]
    assert_loaded(cold)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("disk", ["read-only"], indirect=True)
def test_a_damaged_file_that_cannot_be_replaced(disk, hub, newest, monkeypatch, links):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_SYMLINKS", not links)
    folder, spoil = disk
    loaded(NAME, cache_dir=folder)
    (path,) = folder.rglob("snapshots/*/model.safetensors")
    with path.open("r+b") as file:
        file.write(b"?")
    with spoil(), pytest.raises(zoo.CacheError, match="HF_HOME or cache_dir="):
        loaded(NAME, cache_dir=folder)
    np.testing.assert_array_equal(loaded(NAME, cache_dir=folder), newest)
