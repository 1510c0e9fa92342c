import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import keras_attention as ka
from keras_attention import cli
from tests.source import ROOT

CBAM = "resnet18w16_cbam_cifar10"
CAT = str(ROOT / "docs/photos/cat_face.jpg")


def run(capsys, *words):
    """Exit code, output and error text of one command."""
    code = cli.main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_list(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ka.zoo.list_models()
    _, out, _ = run(capsys, "list", "*", "--attention", "cbam")
    assert [line.split()[:2] for line in out.splitlines()] == [
        [CBAM, "cbam"],
        ["resnet50_cbam", "cbam"],
    ]
    _, out, _ = run(capsys, "list", "--family", "vit", "--max-params", "6e6", "--min-top1", "0.75")
    names = [line.split()[0] for line in out.splitlines()]
    tiny = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert names[:3] == ["cct2_cifar10", "cct2_none_cifar10", tiny]


def test_info_tells_every_field(capsys):
    code, out, _ = run(capsys, "info", CBAM)
    assert code == 0
    told = dict(line.split(None, 1) for line in out.splitlines())
    assert told["parameters"] == "708216" and told["sha256"] == ka.zoo.info(CBAM).sha256
    assert told["labels"].startswith("airplane, automobile")


def test_predict_prints_what_classify_finds(capsys):
    code, out, _ = run(capsys, "predict", CBAM, CAT, "--top", "3")
    expected = [f"{p:6.1%}  {label}" for label, p in ka.zoo.classify(CBAM, CAT, top=3)]
    assert code == 0 and out.splitlines() == expected


@pytest.mark.parametrize("model", [CBAM, "cct2_cifar10"])
def test_explain_writes_a_picture(capsys, tmp_path, model):
    output = tmp_path / "seen.png"
    code, out, _ = run(capsys, "explain", model, CAT, "--output", str(output))
    assert code == 0 and "seen.png" in out
    assert len(re.findall(r"\d\.\d%  \w+", out)) == 5
    with Image.open(output) as picture:
        assert picture.width > 500 and len(np.unique(np.array(picture.convert("L")))) > 50
    assert [path.name for path in tmp_path.iterdir()] == ["seen.png"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["info", "resnet18w16_cbam_cifar"], 2, "Did you mean 'resnet18w16_cbam_cifar10'"),
        (["predict", "nope", CAT], 2, "Unknown model"),
        (["predict", CBAM, "missing.jpg"], 2, "no image at 'missing.jpg'"),
        (["predict", CBAM, CAT, "--top", "0"], 2, "Received: top=0"),
        (["list", "--attention", "cbma"], 2, "Did you mean 'cbam'"),
        (["explain", CBAM, CAT, "--output", "a.txt"], 2, "must end in one of"),
        (["explain", CBAM, CAT, "--output", "no/folder/a.png"], 1, "Cannot write"),
    ],
)
def test_errors_are_one_line(capsys, words, code, message):
    found, out, err = run(capsys, *words)
    assert (found, out) == (code, "")
    assert message in err and err.count("\n") == 1 and err.startswith("keras-attention: ")


def test_a_broken_image(capsys, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    code, out, err = run(capsys, "predict", CBAM, str(broken))
    assert (code, out) == (2, "") and "not an image that can be read" in err


def test_a_failure_leaves_nothing_half_written(capsys, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def fail(self, path, **_):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    output = tmp_path / "a.png"
    output.write_bytes(b"the picture of yesterday")
    code, _, err = run(capsys, "explain", CBAM, CAT, "--output", str(output))
    assert code == 1 and "No space left" in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert output.read_bytes() == b"the picture of yesterday"


def test_a_damaged_weight_file_is_a_failure(capsys, tmp_path, monkeypatch):
    from keras_attention.zoo import loading

    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    code, out, err = run(capsys, "predict", CBAM, CAT)
    assert (code, out) == (1, "") and f"{CBAM}.safetensors" in err


@pytest.mark.parametrize("words", [[], ["fly"], ["predict"], ["list", "--atention", "se"]])
def test_usage_errors(words):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2


def test_version():
    command = [sys.executable, "-m", "keras_attention.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.strip() == ka.__version__


def test_the_entry_point_is_installed():
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="keras-attention")
    assert script.load() is cli.main
    assert json.dumps(script.value) == '"keras_attention.cli:main"'
