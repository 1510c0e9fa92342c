"""What is on this machine: listed, hashed again, mended and removed."""

import pytest
from huggingface_hub import constants

from keras_attention import cli, zoo
from keras_attention.zoo import cached, hub, index
from keras_attention.zoo.foreign import origin
from tests import fake_hub

FILES = {"config.json": b'{"architecture": "resnet18"}', "model.safetensors": bytes(range(256))}
REPO = "timm/resnet18.a1_in1k"
OWN = set(zoo.list_models(source="wheel"))


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with fake_hub.connected(tmp_path / "home") as server:
        server.add(REPO, FILES)
        server.add("other/text", {"model.bin": b"1", "config.json": b"{}"})
        yield server


def fetched(server, repo=REPO, files=tuple(FILES)):
    return hub.fetch(repo, files, server.head(repo), hub.Access())


def states(name=None, **options):
    return {finding.path.name: finding.state for finding in zoo.verify(name, **options)}


def test_only_models_that_could_be_loaded_are_listed(server):
    assert {model.name for model in zoo.cache_info()} == OWN
    fetched(server)
    fetched(server, "other/text", ("model.bin", "config.json"))
    assert {model.name for model in zoo.cache_info()} == OWN | {REPO}
    (found,) = [model for model in zoo.cache_info() if model.name == REPO]
    assert (found.kind, found.size) == ("hub", sum(map(len, FILES.values())))
    assert found.folder.is_dir() and {path.name for path in found.files} == set(FILES)


def test_a_damaged_file_of_the_hub_is_fetched_again(server):
    path = fetched(server) / "model.safetensors"
    assert set(states().values()) == {"good"}
    path.resolve().write_bytes(bytes(256))
    assert states(REPO, repair=False) == {"config.json": "good", path.name: "damaged"}
    assert states(REPO)[path.name] == "repaired"
    assert path.read_bytes() == FILES["model.safetensors"]


def test_what_cannot_be_fetched_again_is_not_kept(server):
    path = fetched(server) / "model.safetensors"
    path.resolve().write_bytes(bytes(256))
    server.fault(REPO, status=404)
    assert states(REPO)[path.name] == "removed" and not path.exists()


def test_nor_without_a_connection(server, monkeypatch):
    path = fetched(server) / "model.safetensors"
    path.resolve().write_bytes(bytes(256))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(zoo.OfflineError, match="must be fetched again and the Hub cannot"):
        fetched(server)
    assert states(REPO)[path.name] == "removed" and not path.exists()


def test_a_damaged_file_of_the_package_is_told(tmp_path, server, monkeypatch):
    name = "resnet18w16_cifar10"
    file = tmp_path / (index.info(name).file or "")
    file.write_bytes(b"?")
    monkeypatch.setattr(cached, "WEIGHTS", tmp_path)
    assert states() == {file.name: "damaged"} and file.exists()


def test_converted_weights(server):
    entry = zoo.info("resnet50_cbam")
    made = {"logits/bias": [1.0, 2.0]}
    path = origin.cache() / "cbam_resnet50.safetensors"
    stem = entry.origin["member"].rpartition(".")[0]
    origin._write(path.with_stem(stem), made, entry.origin)
    assert set(states("resnet50_cbam").values()) == {"good"}
    path.with_stem(stem).write_bytes(b"?")
    assert set(states("resnet50_cbam", repair=False).values()) == {"damaged"}
    assert set(states("resnet50_cbam").values()) == {"removed"}


def test_removing(server):
    folder = fetched(server)
    assert zoo.remove_cached(REPO) == sum(map(len, FILES.values()))
    assert not folder.exists() and {model.name for model in zoo.cache_info()} == OWN
    for name in (REPO, "resnet18w16_cifar10"):
        with pytest.raises(zoo.UnknownModelError, match="Nothing was fetched for that name"):
            zoo.remove_cached(name)
    with pytest.raises(zoo.UnknownModelError, match="Nothing of that name is on this machine"):
        zoo.verify("mine")


def test_the_command_line(server, capsys):
    path = fetched(server) / "model.safetensors"
    assert cli.main(["cache"]) == 0
    assert f"hub             0.0 MB  {REPO}" in capsys.readouterr().out
    path.resolve().write_bytes(bytes(256))
    assert cli.main(["verify", REPO, "--no-repair"]) == 1
    assert f"damaged   {REPO}" in capsys.readouterr().out
    assert cli.main(["verify"]) == 0
    assert f"repaired  {REPO}" in capsys.readouterr().out
    assert cli.main(["cache", "--remove", REPO]) == 0 and not path.exists()
    assert cli.main(["cache", "--remove", REPO]) == 2
