"""Models of the index: published all at once, pinned by what that prints, loaded by name."""

import contextlib
import copy
import dataclasses
import hashlib
import io
import json
import re
import socket

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save

from keras_attention import cli, zoo
from keras_attention.zoo import index, kinds, loading
from keras_attention.zoo.files import manifest
from keras_attention.zoo.foreign import origin
from tests import fake_hub
from tests.backends import on_torch_alone
from tests.models.nets import outputs, pixels

from .test_publish import GATE, NET, OPTIONS, tuned

# The client's own, whenever it sends a file to LFS.
pytestmark = [
    on_torch_alone,
    pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning"),
]

# One has its weights in the package, one where others put them.
SHIPPED, FOREIGN = "net_of_ours", "net_of_others"
READ = (manifest.NAME, *kinds.KINDS["classification"].read)
ENTRY = {
    "task": "classification",
    "architecture": NET,
    "arguments": {"attention": GATE, "num_classes": 3, "input_shape": [8, 8, 3], **OPTIONS},
    "input_size": [8, 8],
    "labels": ["a", "b", "c"],
    "attention": "mhsa",
    "parameters": 0,
    "metric": "accuracy",
    "score": 0.5,
    "data": "made up",
    "licence": "MIT",
}


@pytest.fixture(scope="module")
def models():
    return {SHIPPED: tuned(seed=3), FOREIGN: tuned(seed=4)}


@pytest.fixture(scope="module")
def project(models, tmp_path_factory):
    """A folder with the weights and the cards of these two, and the entries of their index."""
    folder = tmp_path_factory.mktemp("project")
    files, hashes = {}, {}
    for name, model in models.items():
        values = {one.path: np.array(ops.convert_to_numpy(one.value)) for one in model.weights}
        files[name] = save(values)
        hashes[name] = hashlib.sha256(files[name]).hexdigest()
        (folder / "zoo" / name).mkdir(parents=True)
        (folder / "zoo" / name / "README.md").write_text(f"# {name}\n", "utf-8")
        (folder / "zoo" / name / "metrics.json").write_text('{"score": 0.5}', "utf-8")
    (folder / "weights").mkdir()
    (folder / "weights" / "ours.safetensors").write_bytes(files[SHIPPED])
    there = folder / "keras_attention" / "theirs.safetensors"  # converted before
    there.parent.mkdir()
    there.write_bytes(files[FOREIGN])
    note = {"source_sha1": "0" * 40, "converter": str(origin.CONVERTER), "sha256": hashes[FOREIGN]}
    there.with_suffix(".json").write_text(json.dumps(note), "utf-8")
    size = len(files[SHIPPED])
    shipped = {"file": "ours.safetensors", "sha256": hashes[SHIPPED], "size": size}
    source = {"url": "http://127.0.0.1:9/none", "member": "theirs.pth", "sha1": "0" * 40}
    foreign = {"source": "pytorchcv", "origin": source}
    return folder, {SHIPPED: {**ENTRY, **shipped}, FOREIGN: {**ENTRY, **foreign}}


@contextlib.contextmanager
def inside(folder):
    """Work in that project, with that index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(folder))
        patch.setattr(loading, "WEIGHTS", folder / "weights")
        patch.setattr(index, "PATH", folder / "index.json")
        patch.chdir(folder)
        yield
    index._read.cache_clear()


def write(entries):
    index.PATH.write_text(json.dumps(entries), "utf-8")
    index._read.cache_clear()


@pytest.fixture
def entries(project):
    folder, entries = project
    with inside(folder):
        write(entries)
        yield copy.deepcopy(entries)


@pytest.fixture
def empty_hub(tmp_path):
    with fake_hub.connected(tmp_path) as hub:
        yield hub


def publish_all():
    """The exit code of `keras-attention publish --all`, and the entries that it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        code = cli.main(["publish", "--all", "--org", "me"])
    printed, found = stream.getvalue(), {}
    while printed := printed.strip():
        told, end = json.JSONDecoder().raw_decode(printed)
        found, printed = {**found, **told}, printed[end:]
    return code, found


@pytest.fixture(scope="module")
def published(project, tmp_path_factory):
    """A Hub with both, and the lines that `publish --all` printed."""
    folder, entries = project
    with fake_hub.connected(tmp_path_factory.mktemp("home")) as hub:
        with inside(folder):
            write(entries)
            _, printed = publish_all()
        yield hub, printed


@pytest.fixture
def hub(published):
    """That Hub, of which a test may spoil what it wants."""
    hub = published[0]
    kept = copy.deepcopy(hub.repos)
    hub.requests.clear()
    yield hub
    hub.repos = kept


@pytest.fixture
def pinned(entries, published):
    """The index with those lines."""
    for name, place in copy.deepcopy(published[1]).items():
        entries[name].update(place)
    write(entries)
    return entries


@pytest.fixture
def elsewhere(tmp_path):
    """A cache with nothing in it."""
    return tmp_path / "elsewhere"


def test_all_are_published_and_a_failure_in_the_middle_costs_nothing(entries, empty_hub):
    repos = empty_hub.repos
    empty_hub.fault(f"/api/models/me/{FOREIGN}", status=500)
    code, printed = publish_all()
    assert code == 1 and set(printed) == {SHIPPED}
    first = dict(repos[f"me/{SHIPPED}"].commits)
    empty_hub.faults.clear()
    code, printed = publish_all()
    assert code == 0 and set(printed) == {SHIPPED, FOREIGN}
    assert repos[f"me/{SHIPPED}"].commits == first
    for name, place in printed.items():
        assert place["commit"] == empty_hub.head(f"me/{name}") and set(place["files"]) == set(READ)
        assert repos[f"me/{name}"].tags == {place["tag"]: place["commit"]}


@pytest.mark.parametrize("path", ["/commit/main", "/tag/"])
def test_what_broke_is_published_when_it_is_tried_again(entries, empty_hub, path):
    empty_hub.fault(path, status=500)
    with pytest.raises(zoo.HubError, match=f"The Hub refused me/{FOREIGN}"):
        zoo.publish(FOREIGN, f"me/{FOREIGN}")
    empty_hub.faults.clear()
    found, repo = zoo.publish(FOREIGN, f"me/{FOREIGN}"), empty_hub.repos[f"me/{FOREIGN}"]
    assert repo.tags == {"v1.0.0": found.commit}
    assert len(repo.commits) == 2  # the first is that of the Hub


def test_a_name_loads_its_pinned_commit(pinned, models, hub, elsewhere):
    commit = pinned[FOREIGN]["commit"]
    model = zoo.load(FOREIGN, cache_dir=elsewhere)
    np.testing.assert_array_equal(outputs(model, pixels()), outputs(models[FOREIGN], pixels()))
    assert {request.target for request in hub.requests} == {
        f"/me/{FOREIGN}/resolve/{commit}/{name}" for name in READ
    }


def test_another_main_branch_changes_nothing(pinned, models, hub, elsewhere, tmp_path):
    repo, commit = f"me/{FOREIGN}", pinned[FOREIGN]["commit"]
    other = zoo.publish(tuned(seed=9), repo, attention=GATE, options=OPTIONS)
    hub.repos[repo].tags["v1.0.0"] = other.commit
    assert hub.head(repo) == other.commit != commit
    model = zoo.load(FOREIGN, cache_dir=elsewhere)
    np.testing.assert_array_equal(outputs(model, pixels()), outputs(models[FOREIGN], pixels()))
    newest = outputs(zoo.load(f"hf://{repo}", cache_dir=tmp_path / "other"), pixels())
    assert np.abs(newest - outputs(model, pixels())).max() > 1e-3
    del hub.repos[repo].commits[commit]
    with pytest.raises(zoo.NotFoundError, match=f"no {repo}/.* at {commit}"):
        zoo.load(FOREIGN, cache_dir=tmp_path / "third")


@pytest.mark.parametrize("name", READ)
def test_every_pin_counts(pinned, elsewhere, name):
    good = pinned[FOREIGN]["files"][name]
    for wrong in ({"sha256": "0" * 64}, {"size": good["size"] + 1}):
        pinned[FOREIGN]["files"][name] = {**good, **wrong}
        write(pinned)
        with pytest.raises(zoo.IntegrityError, match=f"{name} at .* is not the published file"):
            zoo.load(FOREIGN, cache_dir=elsewhere)


def test_a_cached_model_opens_no_connection(pinned, hub, elsewhere, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    zoo.load(FOREIGN, cache_dir=elsewhere)
    hub.requests.clear()
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert labels_of(zoo.load(FOREIGN, cache_dir=elsewhere)) == ("a", "b", "c")
    assert labels_of(zoo.load(SHIPPED)) == ("a", "b", "c")  # the package's file comes first
    assert hub.requests == []


def labels_of(model):
    return model.get_layer("logits").labels


def test_what_is_not_published_comes_from_the_package_or_its_origin(
    entries, models, hub, monkeypatch
):
    for name in (SHIPPED, FOREIGN):
        np.testing.assert_array_equal(
            outputs(zoo.load(name), pixels()), outputs(models[name], pixels())
        )
    assert hub.requests == []
    used = []

    def fail(*_):
        used.append(1)
        pytest.fail("origin")

    monkeypatch.setattr(origin, "weights_meanwhile", fail)
    zoo.load(SHIPPED)
    with pytest.raises(pytest.fail.Exception, match="origin"):
        zoo.load(FOREIGN)
    assert used == [1]


def test_the_index_names_no_repository_without_a_commit():
    """Whoever publishes a model puts all of this in, or none."""
    for name in zoo.list_models():
        entry = zoo.info(name)
        place = (entry.repo, entry.commit, entry.tag, dict(entry.files))
        if entry.commit is None:
            assert place == (None, None, None, {}), name
            assert entry.file or entry.origin or entry.source == "timm", name
        else:
            assert re.fullmatch("[0-9a-f]{40}", entry.commit) and all(place), name
            assert set(entry.files) == {manifest.NAME, *kinds.of(entry.architecture).read}, name
            for file in entry.files.values():
                assert re.fullmatch("[0-9a-f]{64}", dataclasses.asdict(file)["sha256"])


def test_a_model_of_ours_may_be_on_the_hub_alone(pinned, models, elsewhere):
    for field in ("file", "origin", "source"):
        pinned[FOREIGN].pop(field, None)
    write(pinned)
    assert zoo.list_models(source="hub") == [FOREIGN]
    assert zoo.list_models(source="wheel") == [SHIPPED]
    model = zoo.load(FOREIGN, cache_dir=elsewhere)
    np.testing.assert_array_equal(outputs(model, pixels()), outputs(models[FOREIGN], pixels()))


def test_all_folders_stand_side_by_side(entries, tmp_path):
    words = ["publish", "--all", "--org", "me", "--dry-run", "--folder", str(tmp_path / "all")]
    assert cli.main(words) == 0
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert names == {SHIPPED, FOREIGN}
