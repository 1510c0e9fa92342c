"""What the real client makes of a Hub, a network or a repository that is not well."""

import pathlib

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants, errors

from tests import fake_hub

REPO = "me/model"
WEIGHTS = bytes(range(256)) * 64
FILES = {"config.json": b'{"depth": 18}', "model.safetensors": WEIGHTS}


@pytest.fixture
def hub(tmp_path):
    with fake_hub.connected(tmp_path / "home") as hub:
        hub.add(REPO, FILES, tag="v1")
        yield hub


def read(name="model.safetensors", **options):
    return pathlib.Path(huggingface_hub.hf_hub_download(REPO, name, **options)).read_bytes()


def ranges(hub):
    return [request.headers["Range"] for request in hub.asked("model.safetensors", "GET")]


@pytest.mark.parametrize("redirect", [False, True])
def test_a_cut_download_goes_on_where_it_was(hub, monkeypatch, redirect):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.redirect = redirect
    hub.fault("model.safetensors", cut=4500, times=1)
    assert read() == WEIGHTS
    # The client drops what does not fill a chunk.
    asked = hub.asked("model.safetensors", "GET")
    assert ranges(hub) == [None, "bytes=4000-"]
    assert {request.server for request in asked} == {"cdn" if redirect else "hub"}
    assert hub.naps == [1]


def test_a_download_cut_every_time_ends_all_the_same(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.fault("model.safetensors", cut=5000)
    assert read() == WEIGHTS
    assert ranges(hub) == [None, "bytes=5000-", "bytes=10000-", "bytes=15000-"]


def test_a_download_without_progress_is_given_up(hub):
    hub.fault("model.safetensors", cut=0)
    with pytest.raises(httpx2.RemoteProtocolError):
        read()
    assert len(ranges(hub)) == 6


def test_a_reset_is_not_tried_again(hub):
    fault = hub.fault("model.safetensors", reset=5000, times=1)
    with pytest.raises(httpx2.ReadError) as caught:
        read()
    assert not isinstance(caught.value, OSError)
    assert len(ranges(hub)) == 1 and fault.times == 0
    assert read() == WEIGHTS


def test_an_overloaded_hub_is_asked_again(hub):
    hub.fault("/resolve/", status=503, times=2)
    assert read() == WEIGHTS
    assert [request.method for request in hub.asked("/resolve/")] == ["HEAD"] * 3 + ["GET"]
    # The first refusal is met by a look at the cache, not by waiting.
    assert hub.naps == [1]


def test_a_fault_of_one_method(hub):
    hub.fault("model.safetensors", status=500, method="GET", times=1)
    with pytest.raises(errors.HfHubHTTPError, match="500"):
        read()
    assert [request.method for request in hub.asked("/resolve/")] == ["HEAD", "GET"]
    assert read() == WEIGHTS


def test_a_broken_hub_is_waited_for_unless_the_file_is_cached(hub):
    assert read("config.json") == FILES["config.json"]
    hub.fault("/resolve/", status=500)
    assert read("config.json") == FILES["config.json"]
    assert hub.naps == []
    with pytest.raises(errors.LocalEntryNotFoundError):
        read()
    assert sum(hub.naps) == 23


@pytest.mark.parametrize("name", FILES)
def test_wrong_bytes_of_the_right_length_are_handed_out(hub, name):
    hub.fault(name, flip=True, times=1)
    wrong = read(name)
    assert wrong != FILES[name] and wrong[1:] == FILES[name][1:]
    assert (wrong[0] ^ 255) == FILES[name][0]
    assert read(name, force_download=True) == FILES[name]


def test_missing_bytes_are_noticed_where_the_hub_knows_the_length(hub):
    hub.fault("/resolve/", short=3)
    with pytest.raises(OSError, match="Consistency check failed"):
        read()
    assert read("config.json") == FILES["config.json"][:-3]


def test_a_slow_download_arrives(hub):
    hub.fault("config.json", slow=0.01)
    assert read("config.json") == FILES["config.json"]


def test_a_stalled_download_goes_on_after_the_time_out(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.fault("model.safetensors", stall=2000, times=1)
    assert read() == WEIGHTS
    assert ranges(hub) == [None, "bytes=2000-"]


def test_the_gate_of_a_network_is_not_taken_for_the_hub(hub):
    hub.fault("/", page=True)
    with pytest.raises(errors.LocalEntryNotFoundError, match="X-Repo-Commit"):
        read()
    hub.faults.clear()
    assert read() == WEIGHTS


def test_a_gated_repository(hub):
    hub.repos[REPO].gated = True
    assert huggingface_hub.model_info(REPO).gated == "manual"
    with pytest.raises(errors.GatedRepoError, match="restricted"):
        read()
    with pytest.raises(errors.GatedRepoError):
        huggingface_hub.snapshot_download(REPO)


def test_a_tree_that_leads_out_of_the_cache_is_refused(hub, tmp_path):
    hub.add(REPO, {"../../../../evil.json": b"evil"})
    with pytest.raises(ValueError, match="evil.json"):
        huggingface_hub.snapshot_download(REPO)
    assert not list(tmp_path.rglob("evil.json"))


def test_a_wrong_hash_names_the_file_in_the_cache(hub):
    wrong = "0" * 64
    hub.fault("model.safetensors", etag=wrong)
    path = huggingface_hub.hf_hub_download(REPO, "model.safetensors")
    assert pathlib.Path(path).resolve().name == wrong


def test_a_moved_tag_and_a_commit_that_is_gone(hub):
    repo, old = hub.repos[REPO], hub.head(REPO)
    assert read("config.json", revision="v1") == FILES["config.json"]
    repo.tags["v1"] = hub.add(REPO, {"config.json": b"{}"})
    assert read("config.json", revision="v1") == b"{}"
    del repo.commits[old]
    assert read("config.json", revision=old) == FILES["config.json"]
    with pytest.raises(errors.RevisionNotFoundError):
        read(revision=old)


def test_the_second_server_sees_no_token(hub):
    hub.redirect = True
    assert read() == WEIGHTS
    assert read("config.json") == FILES["config.json"]
    (sent,) = hub.asked(server="cdn")
    assert sent.method == "GET" and sent.token is None
    assert {request.token for request in hub.asked("/resolve/")} == {fake_hub.TOKEN}
    # The client follows a redirect by itself where it did not ask first.
    url = huggingface_hub.hf_hub_url(REPO, "model.safetensors")
    headers = {"Authorization": f"Bearer {fake_hub.TOKEN}", "Range": "bytes=-2"}
    answer = huggingface_hub.get_session().get(url, headers=headers)
    assert (answer.status_code, answer.content) == (206, WEIGHTS[-2:])
    assert [request.token for request in hub.asked(server="cdn")] == [None, None]


def test_ranges(hub):
    url = huggingface_hub.hf_hub_url(REPO, "model.safetensors")

    def get(wanted):
        return huggingface_hub.get_session().get(url, headers={"Range": wanted})

    assert get("bytes=1-3").content == WEIGHTS[1:4]
    assert get("bytes=16000-99999").headers["Content-Range"] == "bytes 16000-16383/16384"
    assert get("bytes=16384-").status_code == 416
    assert huggingface_hub.get_session().head(url).headers["Accept-Ranges"] == "bytes"


def test_an_offline_client_asks_nothing(hub, monkeypatch):
    assert read() == WEIGHTS
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert read() == WEIGHTS
    with pytest.raises(errors.LocalEntryNotFoundError):
        read("config.json")
    assert hub.requests == []


def test_a_mistake_in_the_double_is_not_taken_for_a_fault(tmp_path):
    with pytest.raises(KeyError), fake_hub.connected(tmp_path) as hub:
        hub.add(REPO, FILES)
        hub.objects.clear()
        read()
