"""What must never load, by the way that a user has: `zoo.load` of a repository or a folder."""

import hashlib
import json
import pathlib
import pickle
import struct
import tracemalloc

import keras
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from keras_attention import models, zoo
from keras_attention.zoo import hub as hub_module
from keras_attention.zoo.publishing import golden
from tests import fake_hub
from tests.backends import ON_TORCH, on_torch_alone

REPO = "someone/model"
NAME = f"hf://{REPO}"
MANIFEST, WEIGHTS = "keras_attention.json", "model.safetensors"
OPTIONS = {"width": 4, "stem": "small"}
FILE = {"sha256": "0" * 64, "size": 3}
MOST = 64_000_000  # bytes that a refusal may take


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The files of a published model, by name."""
    if not ON_TORCH:
        pytest.skip("no backend has a part in it: asked of one")
    folder = tmp_path_factory.mktemp("published") / "model"
    net = models.build("resnet18", num_classes=3, input_shape=(8, 8, 3), **OPTIONS)
    zoo.publish(net, REPO, options=OPTIONS, folder=folder, dry_run=True)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def files(published):
    return dict(published)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(hub_module.fetching, "pause", lambda _: None)
    with fake_hub.connected(tmp_path / "home") as server:
        yield server


@pytest.fixture(params=["folder", "hub"])
def load(request, tmp_path):
    """Put files where they come from, and load them."""
    if request.param == "hub":
        server = request.getfixturevalue("server")

        def from_hub(files, **options):
            server.add(REPO, files)
            return zoo.load(NAME, **options)

        return from_hub

    def from_folder(files, **options):
        place = tmp_path / "model"
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        return zoo.load(str(place), **options)

    return from_folder


def told(**fields):
    """Another description."""

    def edit(files):
        files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), **fields}).encode()

    return edit


def forged(name, content):
    """Another file, with a description that has its hash."""

    def edit(files):
        files[name] = content(files[name]) if callable(content) else content
        size, sha256 = len(files[name]), hashlib.sha256(files[name]).hexdigest()
        named = json.loads(files[MANIFEST])["files"]
        told(files={**named, name: {"sha256": sha256, "size": size}})(files)

    return edit


def tensors(change):
    """Other tensors, with a description that has their hash."""

    def content(before):
        arrays = {name: array.copy() for name, array in _arrays(before).items()}
        change(arrays)
        return save(arrays)

    return forged(WEIGHTS, content)


def _arrays(content):
    from safetensors.numpy import load as parse

    return parse(content)


def header(text: str, data: int = 8):
    return forged(WEIGHTS, struct.pack("<Q", len(text)) + text.encode() + b"\0" * data)


def written(name, content):
    def edit(files):
        files[name] = content

    return edit


def rename(arrays):
    arrays["logits/bais"] = arrays.pop("logits/bias")


def poison(value):
    def change(arrays):
        arrays["logits/bias"][1] = value

    return tensors(change)


ONE = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
METADATA = json.dumps({"a": "x" * 2_000_000})
WIDE = f'{{"__metadata__":{METADATA},"a":{ONE}}}'
LAMBDA = {"class_name": "Lambda", "config": {"function": "evil"}}
# What a pickle would do when it is opened is to write this file.
EVIL = "evil-was-here"


class Evil:
    def __reduce__(self):
        return (exec, (f"import pathlib; pathlib.Path({EVIL!r}).touch()",))


def flipped(content):
    """With another last bit."""
    return content[:-1] + bytes([content[-1] ^ 1])


CASES = {
    "format of a newer library": (told(format=2), zoo.VersionError, "pip install -U"),
    "for a newer library": (told(min_version="99.0"), zoo.VersionError, "for version 99.0"),
    "unknown architecture":
        (told(architecture="resnet81"), zoo.UnknownArchitectureError, "Did you mean 'resnet18'"),
    "a function in place of an architecture":
        (told(architecture="os.system"), zoo.UnknownArchitectureError, "'os.system'"),
    "a module's path": (told(module="os"), zoo.ManifestError, "unknown fields: .'module'"),
    "Lambda": (told(kwargs={"attention": LAMBDA}), zoo.ManifestError, "no such model"),
    "a function in place of attention":
        (told(kwargs={"attention": "os.system"}), zoo.ManifestError, "no such model"),
    "a page of a gate for a description": (
        written(MANIFEST, b"<!DOCTYPE html><html>log in</html>"), zoo.ManifestError, "is not JSON",
    ),
    "oversized description":
        (written(MANIFEST, b" " * 2_000_000 + b"{}"), zoo.ManifestError, "too large"),
    "deep description":
        (written(MANIFEST, b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}"), zoo.ManifestError, "deep"),
    "oversized labels":
        (forged("labels.json", b" " * 2_000_000 + b"{}"), zoo.ManifestError, "too large"),
    "a hidden layer of 1e10": (
        told(kwargs={**OPTIONS, "attention": {"type": "se", "hidden": 10**10}}),
        zoo.ManifestError, "at most 65536",
    ),
    "a huge net, by its description":
        (told(kwargs={"width": 65_536, "stem": "small"}), zoo.WeightsError, "Wrong shape"),
    "a huge tensor, by its header": (
        header('{"a":{"dtype":"F32","shape":[1099511627776,4],"data_offsets":[0,8]}}'),
        zoo.IntegrityError, "cannot have 8 bytes",
    ),
    "a huge header":
        (forged(WEIGHTS, struct.pack("<Q", 2**60) + b"{}"), zoo.IntegrityError, "header is too"),
    "huge images": (
        forged("preprocessing.json", lambda c: json.dumps(
            {**json.loads(c), "size": [10**6, 10**6]}).encode()),
        zoo.ManifestError, "sides of 1 to 4096",
    ),
    "a file outside": (told(files={"../evil.json": FILE}), zoo.UnsafePathError, "'../evil.json'"),
    "an absolute file": (told(files={"/etc/passwd": FILE}), zoo.UnsafePathError, "/etc/passwd"),
    "a backslash": (told(files={"..\\evil.json": FILE}), zoo.UnsafePathError, "evil.json"),
    "a pickle among the files": (told(files={"a.pkl": FILE}), zoo.UnsafePathError, "'a.pkl'"),
    "a tensor twice": (header(f'{{"a":{ONE},"a":{ONE}}}'), zoo.IntegrityError, "occurs twice"),
    "giant metadata": (header(WIDE), zoo.IntegrityError, "metadata is too large"),
    "a tensor outside": (header(f'{{"../../evil":{ONE}}}'), zoo.IntegrityError, "no name of a"),
    "overlapping tensors": (header(f'{{"a":{ONE},"b":{ONE}}}'), zoo.IntegrityError, "no or to two"),
    "a pickle for weights": (
        forged(WEIGHTS, pickle.dumps(Evil())), zoo.IntegrityError, "safetensors file|header is too",
    ),
    "weights cut short":
        (forged(WEIGHTS, lambda c: c[:-7]), zoo.IntegrityError, "the header speaks of"),
    "NaN": (poison(np.nan), zoo.ZooError, "not finite in 'logits/bias'"),
    "infinity": (poison(-np.inf), zoo.ZooError, "not finite in 'logits/bias'"),
    "a missing tensor":
        (tensors(lambda a: a.pop("logits/bias")), zoo.WeightsError, r"Missing: \['logits/bias'\]"),
    "a tensor too many":
        (tensors(lambda a: a.update(more=np.ones(2, "f"))), zoo.WeightsError, r"over: \['more'\]"),
    "a tensor renamed":
        (tensors(rename), zoo.WeightsError, "Missing: .'logits/bias'.*Left over: .'logits/bais'"),
    "bytes in place of numbers": (
        tensors(lambda a: a.update({"logits/bias": np.ones(3, "uint8")})),
        zoo.WeightsError, "weights are one of",
    ),
    "another number of classes":
        (told(num_classes=5), zoo.ZooError, r"Wrong shape.*logits/bias|one name for each"),
    "no weights": (lambda files: files.pop(WEIGHTS), zoo.ZooError, WEIGHTS),
    "a bit flipped": (
        lambda files: files.update({WEIGHTS: flipped(files[WEIGHTS])}),
        zoo.IntegrityError, "is not the published file",
    ),
    "truncated": (
        lambda files: files.update({WEIGHTS: files[WEIGHTS][:-7]}),
        zoo.IntegrityError, "has the wrong size|is not the published file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_refused(name, files, load, tmp_path, monkeypatch):
    """By the error that is promised, without much memory, and nothing runs."""
    monkeypatch.chdir(tmp_path)
    edit, error, message = CASES[name]
    edit(files)
    tracemalloc.start()
    try:
        with pytest.raises(error, match=message):
            load(files)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert not (tmp_path / EVIL).exists()


def test_the_unaltered_files_load(files, load):
    """Or the refusals above would show nothing."""
    assert load(files).output_shape == (None, 3)


def test_another_head_is_asked_for_by_name(files, load, caplog):
    assert load(files, num_classes=5).output_shape == (None, 5)
    assert "new and random are logits" in caplog.text


@pytest.mark.parametrize("kind", ["ours", "timm's"])
def test_what_executes_is_never_asked_for(kind, files, server, tmp_path, monkeypatch):
    """Pickles, and what Keras would deserialise, lie beside the files that are read."""
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps(Evil())
    names = ("pytorch_model.bin", "model.pkl", "model.pt", "weights.npy", "model.keras", "x.h5")
    files.update({name: evil for name in names})
    read = {MANIFEST, WEIGHTS, "labels.json", "preprocessing.json"}
    if kind == "ours":
        files |= {"config.json": evil, "task.json": evil}
        server.add(REPO, files)
        assert zoo.load(NAME).output_shape == (None, 3)
    else:  # where config.json is read, as data
        del files[MANIFEST]
        server.add(REPO, files)
        with pytest.raises(zoo.ZooError, match="config.json"):
            zoo.load(NAME)
        read = {MANIFEST, WEIGHTS, "config.json"}
    asked = {request.target.rpartition("/")[2] for request in server.asked("/resolve/")}
    assert asked <= read and not (tmp_path / EVIL).exists()


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, "labels.json"])
def test_links_in_a_folder_are_refused(name, files, tmp_path):
    (tmp_path / "model").mkdir()
    for one, content in files.items():
        (tmp_path / "model" / one).write_bytes(content)
    (tmp_path / "model" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "model" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(zoo.UnsafePathError, match=f"{name} is a link"):
        zoo.load(str(tmp_path / "model"))


DAMAGE = {
    "cut short": lambda content: content[:-7],
    "a bit flipped": flipped,
    "empty": lambda content: b"",
    "a page of a gate": lambda content: b"<!DOCTYPE html><html>log in</html>",
}


@pytest.mark.parametrize(
    ("name", "damage"), [(WEIGHTS, damage) for damage in DAMAGE] + [(MANIFEST, "a bit flipped")]
)
def test_damage_in_the_cache_is_fetched_again_once(name, damage, files, server):
    server.add(REPO, files)
    zoo.load(NAME)
    (path,) = pathlib.Path(constants.HF_HUB_CACHE).glob(f"*/snapshots/*/{name}")
    path.resolve().write_bytes(DAMAGE[damage](files[name]))
    server.requests.clear()
    assert zoo.load(NAME).output_shape == (None, 3)
    assert len(server.asked(f"/{name}", "GET")) == 1 and path.read_bytes() == files[name]


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_damage_on_the_way_is_fetched_again_once_and_then_refused(name, files, server):
    server.add(REPO, files)
    fault = server.fault(f"/{name}", flip=True)
    with pytest.raises(zoo.IntegrityError, match=f"{name} at .*even after a second download"):
        zoo.load(NAME)
    assert len(server.asked(f"/{name}", "GET")) == 2
    cache = pathlib.Path(constants.HF_HUB_CACHE)
    assert not list(cache.glob(f"*/snapshots/*/{name}"))  # nor is it left for other programs
    assert hashlib.sha256(files[name]).hexdigest() not in {p.name for p in cache.glob("*/blobs/*")}
    fault.times = 0
    assert zoo.load(NAME).output_shape == (None, 3)


WAYS = {
    "page of a gate": ({"page": True}, zoo.ZooError),
    "reset": ({"reset": 0}, zoo.HubError),
    "cut": ({"cut": 0}, zoo.HubError),
    "status 500": ({"status": 500}, zoo.HubError),
    "status 401": ({"status": 401}, zoo.AccessError),
    "wrong hash": ({"etag": "0" * 64}, zoo.IntegrityError),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_hub_that_fails(way, files, server):
    fault, error = WAYS[way]
    commit = server.add(REPO, files)
    server.fault(f"/{WEIGHTS}", **fault)
    with pytest.raises(error):
        zoo.load(f"{NAME}@{commit}")


def test_a_hub_that_is_not_there(files, server, monkeypatch):
    server.add(REPO, files)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(zoo.OfflineError, match=f"hf download {REPO}"):
        zoo.load(NAME)


def test_a_repository_that_is_gone_or_gated(files, server):
    with pytest.raises(zoo.NotFoundError, match=f"The Hub has no {REPO}"):
        zoo.load(NAME)
    commit = server.add(REPO, files)
    with pytest.raises(zoo.NotFoundError):
        zoo.load(f"{NAME}@{'0' * 40}")  # never main in its place
    server.repos[REPO].gated = True
    with pytest.raises(zoo.AccessError, match="terms to be accepted"):
        zoo.load(f"{NAME}@{commit}")


def test_a_branch_that_moved_changes_no_pinned_commit(files, server):
    commit = server.add(REPO, files)
    server.add(REPO, {MANIFEST: b"{}", WEIGHTS: b"another"})
    assert zoo.load(NAME, revision=commit).output_shape == (None, 3)


@on_torch_alone
def test_a_torch_file_that_executes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pth").write_bytes(pickle.dumps({"fc.bias": Evil()}))
    with pytest.raises(zoo.ConversionError, match="no torch file of weights"):
        zoo.load("net.pth")
    assert not (tmp_path / EVIL).exists()


def test_a_pickle_that_is_opened_is_seen(tmp_path, monkeypatch):
    """The poison works, so that its absence shows something."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Evil()))
    assert (tmp_path / EVIL).exists()


SHIPPED = "resnet18w16_cbam_cifar10"
# Of the picture of `golden`, as torch computed them with float32, channels last.
GOLDEN = np.array(
    [-0.25478, 1.73623, 3.76678, -0.9537, -1.06232, -0.74021, 1.14928, -1.65284, -1.49853, -0.49121]
)


@pytest.mark.parametrize(
    ("dtype", "data_format", "limit"),
    [
        ("float32", "channels_last", 1e-5),
        ("float32", "channels_first", 1e-5),
        ("mixed_bfloat16", "channels_last", golden.LIMIT_OF_16_BITS),
    ],
)
def test_the_same_file_answers_the_same_everywhere(dtype, data_format, limit):
    keras.config.set_image_data_format(data_format)
    found = golden.logits(zoo.load(SHIPPED, dtype=dtype), (32, 32))
    assert golden.difference(found, GOLDEN) <= limit
