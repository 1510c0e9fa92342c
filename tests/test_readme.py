"""The lines that a newcomer copies do what the README says."""

import re

import keras
import numpy as np
import pytest
from PIL import Image

import keras_attention as ka
from tests.source import ROOT


def test_the_six_lines_run(tmp_path, monkeypatch, capsys):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    exec(compile(code, "README.md", "exec"), {})
    assert "label='cat'" in capsys.readouterr().out
    with Image.open("attention.png") as picture:
        assert picture.width > 400


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="each backend trains such nets")
def test_the_lines_of_fine_tuning_run():
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.search(r"## Fine-tuning\n.*?```python\n(.*?)```", text, re.DOTALL)[1]
    assert code.count("\n") == 3
    labels = np.arange(20) % 5
    noise = np.random.default_rng(0).normal(0, 8, (20, 32, 32, 3))
    images = (noise + 25 + 50 * labels[:, None, None, None]).clip(0, 255).astype("uint8")
    keras.utils.set_random_seed(0)
    names = {"ka": ka, "keras": keras, "images": images, "labels": labels}
    exec(compile(code, "README.md", "exec"), names)
    assert names["model"].output_shape == (None, 5)
    history = names["model"].history.history
    assert history["loss"][-1] < history["loss"][0]
