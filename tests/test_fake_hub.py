"""The Hub of the tests against the real client: the same calls, answers and numbers of requests."""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

import httpx2
import huggingface_hub
import keras
import numpy as np
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors
from huggingface_hub.utils.sha import git_hash

from tests import fake_hub

# The client's own, whenever it sends a file to LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

REPO = "me/model"
WEIGHTS = bytes(range(256)) * 64
FILES = {"config.json": b'{"depth": 18}', "model.safetensors": WEIGHTS, "labels/en.txt": b"cat\n"}


@pytest.fixture
def hub(tmp_path):
    with fake_hub.connected(tmp_path / "home") as hub:
        yield hub


@pytest.fixture
def api(hub):
    return HfApi()


def download(name="config.json", **options):
    return pathlib.Path(huggingface_hub.hf_hub_download(REPO, name, **options))


def content(name="config.json", **options):
    return download(name, **options).read_bytes()


# Publishing.


def test_a_repository_is_created_once(hub, api):
    assert api.create_repo(REPO).repo_id == REPO
    assert api.create_repo("mine", private=True).repo_id == f"{fake_hub.OWNER}/mine"
    assert api.create_repo(REPO, exist_ok=True) == f"{hub.address}/{REPO}"
    with pytest.raises(errors.HfHubHTTPError, match="You already created this model repo"):
        api.create_repo(REPO)
    assert api.list_repo_files(REPO) == [".gitattributes"]
    assert [model.id for model in api.list_models(author="me")] == [REPO]
    assert [model.id for model in api.list_models(search="min", token=False)] == []


def test_the_owner_of_a_token(api):
    assert api.whoami()["name"] == fake_hub.OWNER
    with pytest.raises(errors.HfHubHTTPError, match="Invalid"):
        api.whoami(token="hf_wrong")


def test_without_a_token_nothing_changes_and_private_is_hidden(hub, api):
    hub.add(REPO, FILES)
    hub.repos[REPO].private = True
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info(REPO, token=False)
    with pytest.raises(errors.HfHubHTTPError, match="401"):
        api.create_repo("me/other", token=False)
    assert api.model_info(REPO).private is True
    assert list(hub.repos) == [REPO]


def test_small_files_are_committed(hub, api):
    api.create_repo(REPO)
    first = hub.head(REPO)
    made = api.upload_file(path_or_fileobj=b"one", path_in_repo="a/b.txt", repo_id=REPO)
    assert made.oid == hub.head(REPO) != first
    assert content("a/b.txt") == b"one"
    with pytest.raises(errors.RemoteEntryNotFoundError):
        download("a/b.txt", revision=first)


@pytest.mark.parametrize("part_size, puts", [(None, 1), (5000, 4)])
def test_large_files_go_through_lfs(hub, api, tmp_path, part_size, puts):
    hub.part_size = part_size
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    api.create_repo(REPO)
    hub.requests.clear()
    api.upload_file(path_or_fileobj=path, path_in_repo=path.name, repo_id=REPO)
    assert len(hub.asked("/lfs/", "PUT")) == puts
    steps = [request.target.rpartition("/")[2] for request in hub.asked(method="POST")]
    joined = ["complete"] if part_size else []
    assert steps == ["main", "batch", *joined, "verify", "main"]
    assert all(request.token is None for request in hub.asked("/lfs/", "PUT"))
    assert content(path.name) == WEIGHTS
    assert hub.parts == {}


def test_what_never_arrived_cannot_be_committed(hub, api):
    api.create_repo(REPO)
    head, oid = hub.head(REPO), "0" * 64
    lines = [
        {"key": "header", "value": {"summary": "Add"}},
        {"key": "lfsFile", "value": {"path": "a.bin", "algo": "sha256", "oid": oid, "size": 3}},
    ]
    with httpx2.Client(headers={"Authorization": f"Bearer {fake_hub.TOKEN}"}) as client:
        body = "".join(json.dumps(line) + "\n" for line in lines)
        answer = client.post(f"{hub.address}/api/models/{REPO}/commit/main", content=body)
        assert answer.status_code == 400 and "never uploaded" in answer.json()["error"]
        answer = client.post(f"{hub.address}/lfs/{oid}/verify", json={"oid": oid, "size": 3})
        assert answer.status_code == 404
        parts = {"oid": oid, "parts": [{"partNumber": 1, "etag": "of another"}]}
        answer = client.post(f"{hub.address}/lfs/{oid}/complete", json=parts)
        assert answer.status_code == 400
    assert (hub.head(REPO), hub.objects) == (head, {})


def test_a_folder_and_then_the_same_again(hub, api, tmp_path):
    for name, body in {**FILES, "README.md": b"---\nlicense: mit\n---\n"}.items():
        (tmp_path / "new" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "new" / name).write_bytes(body)
    api.create_repo(REPO)
    hub.requests.clear()
    made = api.upload_folder(repo_id=REPO, folder_path=tmp_path / "new")
    names = r"validate-yaml|preupload|batch|verify|commit"
    steps = [found[0] for request in hub.requests if (found := re.search(names, request.target))]
    assert steps == ["validate-yaml"] * 2 + ["preupload", "batch", "verify", "commit"]
    hub.requests.clear()
    again = api.upload_folder(repo_id=REPO, folder_path=tmp_path / "new")
    assert again.oid == made.oid == hub.head(REPO)
    assert not hub.asked("/commit/") and not hub.asked(method="PUT")


def test_one_commit_adds_and_deletes(hub, api):
    old = hub.add(REPO, FILES)
    operations = [
        CommitOperationAdd("new.bin", WEIGHTS),  # the content is there under another name
        CommitOperationAdd("config.json", b"{}"),
        CommitOperationDelete("labels/"),
        CommitOperationDelete("model.safetensors"),
    ]
    made = api.create_commit(REPO, operations, commit_message="Change", parent_commit=old)
    assert not hub.asked(method="PUT")
    assert sorted(api.list_repo_files(REPO)) == [".gitattributes", "config.json", "new.bin"]
    assert content(revision=made.oid) == b"{}"
    assert content(revision=old) == FILES["config.json"]
    with pytest.raises(errors.RemoteEntryNotFoundError, match="this name doesn't exist"):
        api.delete_file("nothing", REPO)


def test_a_stale_parent_and_an_unknown_branch_are_refused(hub, api):
    stale = hub.add(REPO, FILES)
    head = hub.add(REPO, {"config.json": b"{}"})

    def commit(**options):
        operation = CommitOperationAdd("mine.txt", b"mine")
        return api.create_commit(REPO, [operation], commit_message="Mine", **options)

    with pytest.raises(errors.HfHubHTTPError, match="A commit has happened since") as caught:
        commit(parent_commit=stale)
    assert caught.value.response.status_code == 412
    with pytest.raises(errors.RevisionNotFoundError):
        commit(revision="elsewhere")
    assert hub.head(REPO) == head
    assert commit(parent_commit=head).oid == hub.head(REPO) != head


def test_a_tag_is_set_once(hub, api):
    commit = hub.add(REPO, FILES)
    api.create_tag(REPO, tag="v1", revision=commit)
    head = hub.add(REPO, {"config.json": b"{}"})
    with pytest.raises(errors.HfHubHTTPError) as caught:
        api.create_tag(REPO, tag="v1")
    assert caught.value.response.status_code == 409
    api.create_tag(REPO, tag="v1", exist_ok=True)
    with pytest.raises(errors.RevisionNotFoundError):
        api.create_tag(REPO, tag="v2", revision="nowhere")
    found = api.list_repo_refs(REPO)
    assert [(ref.name, ref.target_commit) for ref in found.tags] == [("v1", commit)]
    assert [(ref.name, ref.target_commit) for ref in found.branches] == [("main", head)]


# Reading.


def test_trees_come_in_pages(hub, api):
    hub.add(REPO, FILES)
    hub.page_size = 2
    files = {entry.path: entry for entry in api.list_repo_tree(REPO, recursive=True, expand=True)}
    assert sorted(files) == [".gitattributes", *sorted(FILES)]
    assert len(hub.asked("/tree/")) == 2
    assert files["model.safetensors"].lfs.size == files["model.safetensors"].size == len(WEIGHTS)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 16384\n"
    assert files["model.safetensors"].lfs.sha256 == digest
    assert files["model.safetensors"].lfs.pointer_size == len(pointer)
    assert files["model.safetensors"].blob_id == git_hash(pointer.encode())
    assert files["model.safetensors"].security.safe
    assert files["config.json"].lfs is None
    top = {entry.path for entry in api.list_repo_tree(REPO)}
    assert top == {".gitattributes", "config.json", "labels", "model.safetensors"}
    assert [entry.path for entry in api.list_repo_tree(REPO, "labels")] == ["labels/en.txt"]
    with pytest.raises(errors.RemoteEntryNotFoundError):
        list(api.list_repo_tree(REPO, "nothing"))


def test_what_is_told_of_a_model(hub, api):
    old = hub.add(REPO, FILES, tag="v1/old")  # a name with a slash travels encoded
    hub.add(REPO, {"config.json": b"{}"})
    info = api.model_info(REPO, revision="v1/old", files_metadata=True)
    assert (info.id, info.sha, info.private) == (REPO, old, False)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings}
    assert {name: sizes[name] for name in FILES} == {name: len(FILES[name]) for name in FILES}
    large = next(sibling for sibling in info.siblings if sibling.rfilename == "model.safetensors")
    assert large.lfs.sha256 == hub.repos[REPO].commits[old]["model.safetensors"].id


def test_what_there_is_not(hub, api):
    hub.add(REPO, FILES)
    with pytest.raises(errors.RepositoryNotFoundError):
        huggingface_hub.hf_hub_download("me/nothing", "config.json")
    with pytest.raises(errors.RevisionNotFoundError):
        download(revision="v9")
    with pytest.raises(errors.RemoteEntryNotFoundError):
        download("nothing.json")
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("gpt2")
    answer = huggingface_hub.get_session().get(f"{hub.address}/api/datasets?author=me")
    assert answer.status_code == 404 and "error" in answer.json()


def test_connections_are_kept_whatever_is_sent(hub):
    place, body = f"{hub.address}/lfs/{'0' * 64}", (b"ab", b"c" * 70_000)
    with httpx2.Client() as client:
        for content in (iter(body), b"".join(body)):
            assert client.put(place, content=content).status_code == 400
            assert hub.requests[-1].body == b"".join(body)
        assert client.head(f"{hub.address}/nothing").content == b""
        assert client.get(f"{hub.address}/nothing").headers["Content-Length"] != "0"
    assert len({request.port for request in hub.requests}) == 1


def test_requests_by_branch_tag_and_commit(hub):
    commit = hub.add(REPO, FILES, tag="v1")

    def requests(revision):
        hub.requests.clear()
        assert content(revision=revision) == FILES["config.json"]
        return [request.method for request in hub.asked("/resolve/")]

    assert requests(commit) == ["HEAD", "GET"]
    assert requests(commit) == [] == hub.requests
    assert requests("v1") == requests("main") == requests("v1") == ["HEAD"]


def test_several_files_of_one_commit(hub, api):
    commit = hub.add(REPO, FILES, tag="v1")
    revision = api.resolve_revision(REPO, revision="v1")
    assert revision.resolved == commit
    hub.repos[REPO].tags["v1"] = hub.add(REPO, {"config.json": b"{}"})
    assert content(revision=revision) == FILES["config.json"]
    assert content(revision="v1") == b"{}"


def test_requests_of_a_snapshot(hub, api):
    commit = hub.add(REPO, FILES, tag="v1")
    folder = huggingface_hub.snapshot_download(REPO, revision="v1")
    assert pathlib.Path(folder, "labels/en.txt").read_bytes() == b"cat\n"
    count = len(FILES) + 1
    assert [len(hub.asked(part)) for part in ("/revision/", "/tree/")] == [1, 1]
    assert [len(hub.asked("/resolve/", method)) for method in ("HEAD", "GET")] == [count, count]
    hub.requests.clear()
    assert huggingface_hub.snapshot_download(REPO, revision="v1") == folder
    assert [request.target for request in hub.requests] == [f"/api/models/{REPO}/revision/v1"]
    hub.requests.clear()
    huggingface_hub.snapshot_download(REPO, revision=commit)
    assert hub.requests == []
    found = api.verify_repo_checksums(REPO, revision=commit)
    assert (found.checked_count, found.mismatches, found.missing_paths) == (count, [], [])


def test_checksums_find_a_truncated_file_that_the_client_hands_out(hub, api):
    commit = hub.add(REPO, FILES)
    path = download("model.safetensors", revision=commit)
    path.resolve().write_bytes(WEIGHTS[:10])
    assert content("model.safetensors", revision=commit) == WEIGHTS[:10]
    found = api.verify_repo_checksums(REPO, revision=commit)
    assert [mismatch["path"] for mismatch in found.mismatches] == ["model.safetensors"]
    assert found.missing_paths == [".gitattributes", "config.json", "labels/en.txt"]


def test_names_of_tensors_without_the_file(hub, api):
    from safetensors.numpy import save

    hub.add(REPO, {"model.safetensors": save({"gate": np.zeros((100, 100), "float32")})})
    found = api.get_safetensors_metadata(REPO)
    assert found.weight_map == {"gate": "model.safetensors"}
    assert {request.method for request in hub.asked("model.safetensors")} <= {"GET", "HEAD"}


FOUR = f"""
import multiprocessing, huggingface_hub
context = multiprocessing.get_context("fork")
together = context.Barrier(4)
def read(_):
    together.wait()
    with open(huggingface_hub.hf_hub_download({REPO!r}, "model.safetensors"), "rb") as file:
        return len(file.read())
with context.Pool(4) as pool:
    print(pool.map(read, range(4), chunksize=1))
"""


def test_four_processes_with_a_cold_cache_make_one_download(hub, tmp_path):
    hub.add(REPO, FILES)
    hub.fault("model.safetensors", slow=0.2)
    done = subprocess.run(
        [sys.executable, "-c", FOUR],
        env=fake_hub.environment(hub, tmp_path / "cold"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [len(WEIGHTS)] * 4
    assert len(hub.asked("model.safetensors", "HEAD")) == 4
    assert len(hub.asked("model.safetensors", "GET")) == 1


def test_keras_saves_and_loads_a_model(hub):
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="head")(x), name="tiny")
    model.save("hf://me/tiny")
    assert "model.weights.h5" in hub.repos["me/tiny"].commits[hub.head("me/tiny")]
    pixels = np.linspace(0, 1, 192, dtype="float32").reshape(1, 8, 8, 3)
    again = keras.saving.load_model("hf://me/tiny")
    np.testing.assert_array_equal(
        again.predict(pixels, verbose=0), model.predict(pixels, verbose=0)
    )
