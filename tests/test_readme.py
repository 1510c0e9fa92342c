"""The lines that a newcomer copies do what the README says."""

import re

from PIL import Image

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
