"""A file that others wrote, run on a CPU with our images: with one that stands in for it here."""

import hashlib
import json

import keras
import pytest

from recipes import airbench_authors, data

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the file is for PyTorch alone"
)
# It asks for what theirs asks for: a GPU, half floats, torchvision, stored images, a clock.
FILE = b"""
import os
import torch
import torchvision
import torchvision.transforms as T
from torch import nn

class Seen(nn.Module):
    def forward(self, x):
        assert x.dtype == torch.bfloat16, x.dtype
        return x

def main(run):
    path = os.path.join("cifar10", "train.pt")
    assert os.path.exists(path)
    stored = torch.load(path, map_location=torch.device(0))
    starter = torch.cuda.Event(enable_timing=True)
    starter.record()
    torch.cuda.synchronize()
    assert 1e-3 * starter.elapsed_time(starter) == 0
    x = (stored["images"].half() / 255).permute(0, 3, 1, 2)
    x = T.Normalize(torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.25, 0.25, 0.5]))(x)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), Seen(), nn.Flatten(), nn.LazyLinear(10)).half().cuda()
    found = net(x)
    assert found.dtype == torch.float32 and net[0].weight.dtype == torch.float32
    loss = nn.CrossEntropyLoss()(found, stored["labels"])
    loss.backward()
    assert abs(float(x[0, 2, 3, 4]) - (int(stored["images"][0, 3, 4, 2]) / 255 - 0.5) / 0.5) < 1e-6
    return float(loss.detach())
"""


@pytest.fixture
def splits():
    return data.load("generated", ("train", "test")).splits


def test_it_sees_our_images_and_calculates_in_bfloat16(splits):
    import torch

    first = airbench_authors.trained(FILE, splits, seed=3)
    assert 1 < first < 4  # ln 10 is 2.3
    assert first == airbench_authors.trained(FILE, splits, seed=3)
    assert first != airbench_authors.trained(FILE, splits, seed=4)
    # Nothing of torch is changed afterwards.
    assert torch.zeros(2).half().dtype == torch.float16
    assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == torch.float32


def test_a_file_of_another_hash_is_not_run(tmp_path, monkeypatch, capsys, splits):
    monkeypatch.setattr(data, "load", lambda *_: pytest.fail("nothing is read before the check"))
    (tmp_path / "airbench94.py").write_text("raise SystemExit('it was run')")
    assert airbench_authors.main([str(tmp_path / "airbench94.py")]) == 2
    told = capsys.readouterr().err
    assert airbench_authors.SHA256 in told and "Received: " in told
    assert airbench_authors.main([str(tmp_path / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err


def test_what_is_missing_is_told(tmp_path, monkeypatch, capsys):
    def missing(*_):
        raise FileNotFoundError("cifar10 is not prepared")

    def uninstalled():
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(airbench_authors, "SHA256", hashlib.sha256(FILE).hexdigest())
    (tmp_path / "file.py").write_bytes(FILE)
    monkeypatch.setattr(data, "load", missing)
    assert airbench_authors.main([str(tmp_path / "file.py")]) == 2
    assert capsys.readouterr().err == "airbench_authors: cifar10 is not prepared\n"
    monkeypatch.setattr(airbench_authors, "_torch", uninstalled)
    assert airbench_authors.main([str(tmp_path / "file.py")]) == 2
    assert "No module named 'torch'" in capsys.readouterr().err


def test_the_result_is_written(tmp_path, monkeypatch, splits):
    monkeypatch.chdir(tmp_path)
    generated = data.load("generated", ("train", "test"))
    monkeypatch.setattr(data, "load", lambda *_: generated)
    monkeypatch.setattr(airbench_authors, "SHA256", hashlib.sha256(FILE).hexdigest())
    (tmp_path / "file.py").write_bytes(FILE)
    assert airbench_authors.main(["file.py", "--seed", "3"]) == 0
    found = json.loads((tmp_path / "runs/airbench_authors/seed3/result.json").read_text("utf-8"))
    assert found["accuracy"] == airbench_authors.trained(FILE, splits, seed=3)
    assert found["seed"] == 3 and len(found["commit"]) >= 40
