"""What the page of evidence says of generators."""

import json

from recipes import evidence
from recipes.gan import findings
from tests.backends import on_torch_alone

pytestmark = on_torch_alone
FASHION, SHAPES = findings.EXPERIMENTS


def result(**more):
    return {
        "seed": 0, "steps": 7, "hours": 1.5, "commit": "b" * 40, "hardware": "two cores",
        "software": "keras", "recipe": {"width": 16}, "dataset": "made up",
        "command": "python -m recipes.gan x --output /somewhere/x --seed 0", **more,
    }  # fmt: skip


def distance(net, value):
    return {
        "metric": f"FD-{net}", "value": value, "deviation": None, "net": net, "real": 50,
        "generated": 50, "reference": "train", "protocol": "",
    }  # fmt: skip


def score(*values):
    """What evaluate writes, with these distances in two nets; an untrained generator has 10."""
    floors = {"train and test": {"frechet": 0.25, "kernel": 0.0}}
    nets = {
        net: {"frechet": distance(net, value), "floors": floors}
        for net, value in zip("AB", values, strict=True)
    }
    shares = {net: value / 10 for net, value in zip("AB", values, strict=True)}
    classifier = {"generated": 0.6, "real": 0.9, "share": 2 / 3}
    return {
        "count": 50, "nets": nets, "classifier": classifier,
        "summary": {"share_of_untrained": shares},
    }  # fmt: skip


def written(folder, experiment, key, *scores, **more):
    path = folder / experiment.recipe / key
    path.mkdir(parents=True)
    (path / "result.json").write_text(json.dumps(result(**more)), "utf-8")
    if scores:
        (path / "score.json").write_text(json.dumps(score(*scores)), "utf-8")


def page(folder):
    return evidence.page(evidence.collected(folder, {}))


def test_scores_floors_and_what_the_nets_say(tmp_path):
    written(tmp_path, FASHION, "none_seed0", 2.0, 3.0)
    written(tmp_path, FASHION, "sagan_seed0", 1.5, 2.5)
    text = page(tmp_path)
    assert "| sagan_seed0 | 1.500 | 15.0 % | 2.500 | 25.0 % | 60.00 % | 66.7 % |" in text
    assert "| train and test | 0.250 | 0.250 |" in text
    assert "Seed 0, FD with attention less FD without: -0.500 in A, -0.500 in B; the nets" in text
    assert "| sagan_seed0 | 7 | 1.5 | bbbbbbbbb | two cores; keras |" in text
    assert "/somewhere" not in text and "a null" in text


def test_nets_that_differ_say_nothing(tmp_path):
    written(tmp_path, FASHION, "none_seed0", 2.0, 3.0)
    written(tmp_path, FASHION, "sagan_seed0", 1.5, 3.5)
    assert "the nets do not agree, so nothing is said" in page(tmp_path)


def test_a_run_without_its_pair_or_its_score(tmp_path):
    written(tmp_path, FASHION, "sagan_seed0", 1.5, 3.5)
    written(tmp_path, FASHION, "none_seed1")
    text = page(tmp_path)
    assert "with attention less" not in text and "| none_seed1 | 7 |" in text


def test_the_gap_of_the_pairs(tmp_path):
    for seed, (plain, attention) in enumerate([(0.2, 0.5), (0.3, 0.7)]):
        for row, share in (("none", plain), ("sagan", attention)):
            more = {"whole": 0.5, "consistent": share / 2, "of_whole": share, "seed": seed}
            more["by_chance"] = 0.1 if row == "none" else 0.1 + 0.1 * seed
            written(tmp_path, SHAPES, f"{row}_seed{seed}", **more)
    text = page(tmp_path)
    assert "| sagan_seed1 | 50.0 % | 70.0 % | 20.0 % |" in text
    # Gaps of 30 and 40 points: mean 35, deviation 7.07.
    assert "over 2 seeds: +35.0 points, standard deviation 7.1, so 4.9 of them." in text
    # Gaps of 30 twice: no deviation, which is told as it is.
    assert "beyond chance over 2 seeds: +30.0 points, standard deviation 0.0" in text


def test_a_run_that_failed_is_in_no_pair(tmp_path):
    for seed, (whole, plain) in enumerate([(0.5, 0.2), (0.049, 0.0), (0.05, 0.4)]):
        for row, share in (("none", plain), ("sagan", 0.6)):
            more = {"whole": whole if row == "none" else 0.5, "of_whole": share, "by_chance": 0.1}
            written(tmp_path, SHAPES, f"{row}_seed{seed}", **more)
    text = page(tmp_path)
    assert "| none_seed1 | 4.9 % | - | - |" in text and "| none_seed2 | 5.0 % | 40.0 %" in text
    assert "Of none_seed1 fewer than 5 % of the samples are whole, so it is in no pair." in text
    # Gaps of 40 and 20 points, without that of 60.
    assert "Attention less none over 2 seeds: +30.0 points, standard deviation 14.1" in text


def test_what_is_known_stays(tmp_path):
    known = {FASHION.recipe: {"none_seed0": {"steps": 3}}}
    written(tmp_path, FASHION, "sagan_seed0")
    found = findings.collected(tmp_path, known)[FASHION.recipe]
    assert set(found) == {"none_seed0", "sagan_seed0"} and "score" not in found["sagan_seed0"]
