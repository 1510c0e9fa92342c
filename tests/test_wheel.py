"""What users install: the wheel, with one backend, away from the clone."""

import os
import subprocess
import sys
import zipfile

import keras
import pytest

from tests.source import ROOT

# Loads and classifies where the other backends cannot be found, as if they were not installed.
SCRIPT = """
import importlib.machinery

finder = importlib.machinery.PathFinder
found = finder.find_spec
finder.find_spec = lambda name, *rest: None if name in {others!r} else found(name, *rest)
import numpy as np
import keras_attention as ka
assert ka.__file__.startswith({site!r}), ka.__file__
model = ka.zoo.load("resnet18w16_cbam_cifar10")
print(len(ka.zoo.classify(model, np.zeros((40, 50, 3), "uint8"))))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "keras_attention",
        "keras_attention_zoo",
    }
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "keras_attention").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("keras_attention/")} == source
    assert "keras_attention/zoo/weights/resnet18w16_cbam_cifar10.safetensors" in names


def test_works_with_one_backend_from_another_folder(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    backend = keras.backend.backend()
    others = {"tensorflow", "jax", "torch"} - {backend}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(others=others, site=str(site))],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "KERAS_BACKEND": backend},
    )
    assert done.stdout.strip() == "5", done.stdout + done.stderr
