"""Files that were altered at random: our own errors or a right answer, and never much memory.

`KERAS_ATTENTION_FUZZ=100000 python -m pytest tests/zoo/test_fuzz.py` tries more of them.
"""

import io
import json
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from safetensors.numpy import save

from keras_attention import models, zoo
from keras_attention.models import factory, outline
from keras_attention.zoo import convert, index
from keras_attention.zoo.convert import rules
from keras_attention.zoo.files import header, manifest, weights
from keras_attention.zoo.foreign import authors, checkpoint, torch_file
from tests.backends import on_torch_alone

pytestmark = on_torch_alone

COUNT = int(os.environ.get("KERAS_ATTENTION_FUZZ", 2000)) // 8
MANY = settings(
    max_examples=COUNT,
    derandomize="KERAS_ATTENTION_FUZZ" not in os.environ,  # the same ones each time
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MOST = 64_000_000  # bytes that a refusal may take

MANIFEST = json.dumps(
    {
        "format": 1, "min_version": "0.1.0", "name": "mine", "architecture": "resnet18",
        "kwargs": {"attention": {"type": "se", "reduction": 4}, "width": 16},
        "files": {"model.safetensors": {"sha256": "0" * 64, "size": 3}}, "golden": [1.5],
        "input": {"size": [32, 32]}, "num_classes": 10, "parameters": 700_000,
    }
).encode()  # fmt: skip
CONFIG = json.dumps(
    {
        "architecture": "resnet18", "num_classes": 7, "global_pool": "avg",
        "model_args": {"img_size": 32},
        "pretrained_cfg": {
            "input_size": [3, 32, 32], "mean": [0.5, 0.4, 0.3], "std": [0.3, 0.2, 0.1],
            "crop_pct": 0.9, "interpolation": "bicubic",
        },
    }
).encode()  # fmt: skip
TENSORS = save(
    {"a/kernel": np.ones((2, 3), "float32"), "b": np.ones(4, "float16")}, {"format": "1"}
)

json_values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(10**40), 10**40)
    | some.floats()
    | some.sampled_from(["", "..", "../a.json", "se", "resnet18", "a" * 300, "\x00", "99.0", "1"]),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner),
    max_leaves=6,
)


@some.composite
def altered(draw, content: bytes):
    """Bytes flipped, cut out or put in."""
    content = bytearray(content)
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, len(content)))
        kind = draw(some.sampled_from(("flip", "cut", "insert", "end")))
        if kind == "flip" and at < len(content):
            content[at] ^= draw(some.integers(1, 255))
        elif kind == "cut":
            del content[at : at + draw(some.integers(1, 40))]
        elif kind == "insert":
            content[at:at] = draw(some.binary(min_size=1, max_size=12))
        elif kind == "end":
            del content[at:]
    return bytes(content)


@some.composite
def rewritten(draw, content: bytes):
    """JSON with another value at one place or two, or one left out."""
    value = json.loads(content)
    for _ in range(draw(some.integers(1, 2))):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(some.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(some.booleans()):
                place = inner
                continue
            if isinstance(place, dict) and draw(some.integers(0, 4)) == 0:
                del place[key]
            else:
                place[key] = draw(json_values)
            break
    return json.dumps(value).encode()


def survives(function, *arguments):
    """Call with what was altered: a ZooError is right, and so is an answer."""
    tracemalloc.start()
    try:
        return function(*arguments)
    except zoo.ZooError:
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST, f"{peak} bytes for {arguments!r:.200}"


@MANY
@given(altered(MANIFEST) | rewritten(MANIFEST))
def test_manifests(content):
    survives(manifest.parse, content, "a manifest")


INDEX = json.dumps(
    {"resnet18w16_cifar10": json.loads(index.PATH.read_bytes())["resnet18w16_cifar10"]}
)


@MANY
@given(altered(INDEX.encode()) | rewritten(INDEX.encode()))
def test_indexes(tmp_path, content):
    (tmp_path / "index.json").write_bytes(content)
    (tmp_path / "timm.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "PATH", tmp_path / "index.json")
        patch.setattr(index, "TIMM", tmp_path / "timm.json")
        survives(index._read.__wrapped__)


@MANY
@given(altered(TENSORS))
def test_headers(content):
    found = survives(header.of_bytes, content, "a file")
    assert found is None or all(isinstance(one.shape, tuple) for one in found.values())


@MANY
@given(altered(TENSORS))
def test_weights(content):
    survives(weights.parse, content, "a file")


@MANY
@given(altered(CONFIG) | rewritten(CONFIG))
def test_descriptions_of_checkpoints(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(TENSORS)
    survives(checkpoint.read, tmp_path)


@MANY
@given(altered(TENSORS))
def test_tensors_of_checkpoints(tmp_path, content):
    """One at a time, as a conversion reads them."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)

    def read():
        with checkpoint.opened(path) as (shapes, tensor):
            for name, shape in shapes.items():
                assert tensor(name).shape == shape

    survives(read)


@pytest.fixture(scope="module")
def torch_content():
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save({"fc.weight": torch.ones(3, 4), "fc.bias": torch.ones(3)}, stream)
    return stream.getvalue()


@MANY
@given(some.data())
def test_torch_files(torch_content, data):
    survives(torch_file.read_pth, data.draw(altered(torch_content)), "a file")


@MANY
@given(some.data())
def test_networks_of_the_authors(data):
    state = data.draw(some.dictionaries(names | some.from_regex(authors.BLOCK), shapes_of_arrays))
    arrays = {name: np.ones(shape, "float32") for name, shape in state.items()}
    survives(authors.describe, arrays, "a file")


@pytest.fixture(scope="module")
def wanted():
    return outline.weight_shapes(
        models.build, "resnet18", input_shape=(32, 32, 3), stem="small", width=4
    )


# Names as timm has them, and others.
names = some.sampled_from(
    ["conv1.weight", "bn1.weight", "bn1.num_batches_tracked", "fc.weight", "fc.bias",
     "layer1.0.conv1.weight", "layer1.0.downsample.0.weight", "layer9.99.conv1.weight"]
) | some.text(max_size=20)  # fmt: skip


shapes_of_arrays = some.lists(some.integers(0, 3), max_size=4).map(tuple)


@MANY
@given(some.dictionaries(names, some.lists(some.integers(0, 10**6), max_size=5).map(tuple)))
def test_tensors_of_any_names_and_shapes(wanted, shapes):
    table = convert.TIMM["resnet"](factory.arguments_of("resnet18"))
    assert survives(rules.plan, shapes, table, wanted, "a file") is None
