"""Tables of paired runs."""

import json
import subprocess

import numpy as np
import pytest

from recipes import ablate
from tests.backends import on_torch_alone


def test_paired_differences():
    found = ablate.paired(np.array([0.01, 0.02, 0.03]))
    # t of 95 % with two degrees of freedom is 4.3027.
    reach = 4.302652729 * 0.01 / 3**0.5
    assert found["mean"] == pytest.approx(0.02) and found["pairs"] == 3
    assert found["low"] == pytest.approx(0.02 - reach)
    assert found["high"] == pytest.approx(0.02 + reach)
    assert ablate.paired(np.array([0.5])) == {"mean": 0.5, "low": None, "high": None, "pairs": 1}


def finished(folder, row, seed, accuracy):
    """The folder of a run as `recipes.train` leaves it, as far as a table reads it."""
    told = {
        "accuracy": accuracy, "parameters": 1000, "gmacs": 0.5, "images_per_second": 10.0,
        "hours": 0.1, "commit": "abc", "hardware": "two cores", "dataset": "generated",
        "recipe": {"momentum": 0.85, "attention": None if row == "none" else row},
    }  # fmt: skip
    (folder / f"{row}_seed{seed}").mkdir(parents=True)
    (folder / f"{row}_seed{seed}" / "result.json").write_text(json.dumps(told), "utf-8")


def test_finished_runs_are_not_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ablate.subprocess, "run", lambda *_, **__: pytest.fail("was run again"))
    for seed, (plain, gated) in enumerate([(0.5, 0.52), (0.6, 0.61), (0.7, 0.73)]):
        finished(tmp_path, "none", seed, plain)
        finished(tmp_path, "se", seed, gated)
    words = ["cifar10_airbench", "--attention", "none,se", "--output", str(tmp_path)]
    assert ablate.main(words) == 0
    text = (tmp_path / "table.md").read_text("utf-8")
    assert "| none | 60.00 ± 10.00 | - | 1,000 | 0.5000 | 10 |" in text
    assert "| se | 62.00 ± 10.54 | +2.00 (-0.48 to +4.48) |" in text
    assert text in capsys.readouterr().out
    table = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert table[1]["accuracy"] == [0.52, 0.61, 0.73] and table[1]["commits"] == ["abc"]
    assert (tmp_path / "table.png").read_bytes()[:4] == b"\x89PNG"


def test_a_result_of_another_recipe_is_no_row(tmp_path, capsys):
    finished(tmp_path, "none", 0, 0.5)
    words = ["cifar10_airbench", "--attention", "none", "--output", str(tmp_path)]
    assert ablate.main([*words, "--seeds", "1", "--set", "momentum=0.8"]) == 1
    error = capsys.readouterr().err
    assert "was found with momentum=0.85" in error and "Received: momentum=0.8\n" in error
    assert not (tmp_path / "table.json").exists()


def test_quick_runs_have_a_folder_of_their_own(monkeypatch):
    folders = []
    monkeypatch.setattr(ablate, "run", lambda _, folder, *__: folders.append(folder))
    for words in ([], ["--quick"]):
        assert ablate.main(["cifar10_airbench", *words]) == 1
    assert [str(folder) for folder in folders] == [
        "runs/cifar10_airbench", "runs/quick/cifar10_airbench",
    ]  # fmt: skip


def test_own_attention_is_what_no_word_gives(tmp_path, monkeypatch):
    commands = []

    def ended(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(ablate.subprocess, "run", ended)
    for row in ("own", "none"):
        words = ["cifar10_cct2", "--attention", row, "--output", str(tmp_path)]
        assert ablate.main(words) == 1
    own, none = commands
    assert "--attention" not in own and none[none.index("--attention") + 1] == "none"


@on_torch_alone
def test_a_pair_of_quick_runs(tmp_path):
    narrow = "model_options={'width': 2, 'stem': 'small'}"
    words = ["cifar10_resnet18w16", "--attention", "none", "--seeds", "1", "--quick"]
    assert ablate.main([*words, "--output", str(tmp_path), "--set", narrow]) == 0
    result = json.loads((tmp_path / "none_seed0" / "result.json").read_text("utf-8"))
    assert result["recipe"]["model_options"]["width"] == 2 and result["epochs"] == 2


@on_torch_alone
def test_a_run_that_fails_stops_it(tmp_path, capsys):
    words = ["cifar10_resnet18w16", "--attention", "cbma", "--seeds", "1", "--quick"]
    assert ablate.main([*words, "--output", str(tmp_path)]) == 1
    assert "cbma, seed 0 ended with 2" in capsys.readouterr().err
    assert "Did you mean 'cbam'" in (tmp_path / "cbma_seed0" / "log.txt").read_text("utf-8")
    assert ablate.main(["cifar10_airbenhc"]) == 2
    assert ablate.main(["cifar10_airbench", "--set", "momentm=1"]) == 2
    assert "Did you mean 'momentum'" in capsys.readouterr().err
