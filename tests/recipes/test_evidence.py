"""The page of what the runs found."""

import json

import pytest

from recipes import evidence
from tests.backends import on_torch_alone

pytestmark = on_torch_alone
BY_RECIPE = {experiment.recipe: experiment for experiment in evidence.EXPERIMENTS}
FASHION, AIRBENCH, FLOWERS = "fashion_mnist_preact20", "cifar10_airbench", "flowers5_finetune"


def result(accuracy, seed=0):
    return {
        "accuracy": accuracy, "seed": seed, "epochs": 2, "hours": 0.5, "images_per_second": 9.0,
        "parameters": 1000, "gmacs": 0.5, "dataset": "generated", "commit": "a" * 40,
        "hardware": "two cores", "software": "keras", "recipe": {"momentum": 0.9},
        "command": "python -m recipes.train x --seed 0 --output /somewhere/x --quick",
    }  # fmt: skip


def written(folder, recipe, **accuracies):
    """The folders of runs: `none=[0.5, 0.6]` for two seeds of a row."""
    for row, scores in accuracies.items():
        for seed, accuracy in enumerate(scores):
            path = folder / recipe / f"{row}_seed{seed}"
            path.mkdir(parents=True)
            (path / "result.json").write_text(json.dumps(result(accuracy, seed)), "utf-8")


def test_the_page_is_that_of_the_results():
    known = json.loads(evidence.RESULTS.read_text("utf-8"))
    assert evidence.PAGE.read_text("utf-8") == evidence.page(known)
    shown = [e for e in evidence.EXPERIMENTS if f"evidence/{e.recipe}.png" in evidence.page(known)]
    assert all((evidence.PLOTS / f"{experiment.recipe}.png").exists() for experiment in shown)


def test_results_are_collected_and_kept(tmp_path):
    written(tmp_path, FASHION, none=[0.95], other=[0.1], **{"none_momentum=0.5": [0.2]})
    (tmp_path / FASHION / "none_seed0").rename(tmp_path / FASHION / "none_seed1_old")
    written(tmp_path, FASHION, none=[0.95])
    old = {FASHION: {"se_seed0": {"accuracy": 0.9}, "none_seed0": {"accuracy": 0.1}}}
    found = evidence.collected(tmp_path, old)[FASHION]
    assert set(found) == {"none_seed0", "se_seed0"}
    assert found["none_seed0"]["accuracy"] == 0.95 and "recipe" not in found["none_seed0"]
    assert found["none_seed0"]["command"] == "python -m recipes.train x --seed 0 --quick"
    assert len(found["none_seed0"]["recipe_sha256"]) == 12


@pytest.mark.parametrize(
    ("scores", "holds"),
    [
        ([0.95, 0.95], False),
        ([0.95, 0.9, 0.952], True),
        ([0.93, 0.94, 0.95], False),
        ([0.96, 0.96, 0.95], False),
    ],
)
def test_nothing_is_compared_before_the_anchor_holds(tmp_path, scores, holds):
    written(tmp_path, FASHION, none=scores, cbam=[0.91237] * len(scores))
    results = evidence.collected(tmp_path, {})
    assert evidence.published_holds(results) == holds
    page = evidence.page(results)
    assert ("91.24" in page) == holds and ("| cbam |" in page) == holds
    assert f"{100 * scores[0]:.2f}" in page and "a" * 9 in page and "a" * 10 not in page


@pytest.mark.parametrize(
    ("theirs", "holds"), [([], False), ([0.94], True), ([0.93, 0.9285], False), ([0.9406], False)]
)
def test_a_fast_network_waits_for_its_authors_code(tmp_path, theirs, holds):
    written(tmp_path, AIRBENCH, none=[0.93, 0.94], cbam=[0.91237, 0.94])
    for seed, accuracy in enumerate(theirs):
        path = tmp_path / evidence.AUTHORS / f"seed{seed}"
        path.mkdir(parents=True)
        (path / "result.json").write_text(json.dumps(result(accuracy, seed)), "utf-8")
    results = evidence.collected(tmp_path, {})
    assert evidence.authors_hold(results) == holds
    page = evidence.page(results)
    assert ("91.24" in page) == holds and ("| cbam |" in page) == holds
    assert "93.00" in page
    assert "offset of this CIFAR-10 is +0.51 points" in page


def test_a_mistyped_folder_is_told(tmp_path, capsys):
    assert evidence.main(["--runs", str(tmp_path / "rnus")]) == 2
    assert "rnus" in capsys.readouterr().err


def test_seeds_of_different_recipes_are_no_row(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evidence, "RESULTS", tmp_path / "evidence.json")
    evidence.RESULTS.write_text("{}", "utf-8")
    written(tmp_path, AIRBENCH, none=[0.6, 0.62], se=[0.61, 0.63])
    changed = {**result(0.64, 1), "recipe": {"momentum": 0.8}}
    path = tmp_path / AIRBENCH / "none_seed1" / "result.json"
    path.write_text(json.dumps(changed), "utf-8")
    assert evidence.main(["--runs", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "must be of one recipe. Received: cifar10_airbench, none\n" in error
    assert evidence.RESULTS.read_text("utf-8") == "{}"


def test_a_row_waits_for_its_seeds(tmp_path):
    written(tmp_path, AIRBENCH, none=[0.6, 0.62], se=[0.61, 0.63], cbam=[0.7])
    found = evidence.finished(evidence.collected(tmp_path, {}), BY_RECIPE[AIRBENCH])
    assert {row: len(results) for row, results in found.items()} == {"none": 2, "se": 2}


def test_rows_that_all_wait_show_the_seeds_that_they_share(tmp_path):
    written(tmp_path, FLOWERS, scratch=[0.6, 0.62], pretrained=[0.7])
    found = evidence.finished(evidence.collected(tmp_path, {}), BY_RECIPE[FLOWERS])
    assert {row: len(results) for row, results in found.items()} == {"scratch": 1, "pretrained": 1}


def test_rows_without_a_common_seed_wait(tmp_path):
    written(tmp_path, AIRBENCH, none=[0.6, 0.62], se=[0.61])
    results = evidence.collected(tmp_path, {})
    results[AIRBENCH]["cbam_seed1"] = results[AIRBENCH]["se_seed0"]
    assert set(evidence.finished(results, BY_RECIPE[AIRBENCH])) == {"none"}


def test_pairs_stand_in_the_table(tmp_path):
    written(tmp_path, FLOWERS, scratch=[0.6, 0.62], pretrained=[0.7, 0.72])
    page = evidence.page(evidence.collected(tmp_path, {}))
    assert "| pretrained | 71.00 ± 1.41 | +10.00 (+10.00 to +10.00) |" in page


def test_the_speed_is_that_of_rows_side_by_side(tmp_path):
    written(tmp_path, FLOWERS, scratch=[0.6, 0.62], pretrained=[0.7, 0.72])
    row = "| scratch | 61.00 ± 1.41 | - | 1,000 | 0.5000 |"
    assert f"{row} - |" in evidence.page(evidence.collected(tmp_path, {}))
    speed = {
        "rows": {
            "scratch": {"images_per_second": 123.4},
            "pretrained": {"images_per_second": 100.2, "ratio": 1.2342, "low": 1.2, "high": 1.3},
        },
        "rounds": 7, "command": "python -m benchmarks.rows x", "commit": "c" * 40 + "+changes",
        "hardware": "two cores", "software": "keras",
    }  # fmt: skip
    (tmp_path / FLOWERS / "speed.json").write_text(json.dumps(speed), "utf-8")
    results = evidence.collected(tmp_path, {})
    page = evidence.page(evidence.collected(tmp_path / "none", results))
    assert f"{row} 123 |" in page and "0.5000 | 100 |" in page
    assert "a step of scratch takes one of pretrained 1.234 times (1.200 to 1.300) as long" in page
    assert "in 7 rounds (`python -m benchmarks.rows x`; two cores; keras; commit ccccccccc" in page


def test_expectations_are_those_of_the_recipes():
    page = evidence.page({})
    assert "within 0.3 points of it (a null)." in page and "no seed is finished" in page
    assert "`fashion_mnist_preact20` has 5.04 % errors" in page and "{" not in page
    assert "at least 5 points above the same net from nothing." in page
