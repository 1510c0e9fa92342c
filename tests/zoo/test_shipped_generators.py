"""Generators that come with the package make the pictures on their cards, on every backend."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from keras_attention import models, zoo
from recipes.data import facts
from recipes.gan import card, recipe, ship
from tests.source import ROOT

NAMES = zoo.list_models(source="wheel", task="generation")


def read(name, file):
    return json.loads((ROOT / "zoo" / name / file).read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_those_of_the_card(name):
    model = zoo.load(name)
    across = models.sampling.classes_of(model)
    made = models.grid(models.sample(model, across * ship.ROWS, ship.SEED), across=across)
    with Image.open(ROOT / "zoo" / name / card.GRID) as picture:
        shown = np.array(picture)[:: ship.SCALE, :: ship.SCALE].reshape(made.shape)
    assert np.abs(shown.astype(int) - made).max() <= 2
    assert len(np.unique(made)) > 200


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_made_from_the_metrics(name):
    metrics = read(name, "metrics.json")
    text = (ROOT / "zoo" / name / "README.md").read_text("utf-8")
    assert text == card.render(name, ROOT / "zoo")
    assert metrics["sha256"] in text and metrics["command"] in text
    assert len(metrics["commit"]) == 40
    chosen = recipe.find(metrics["recipe"])()
    assert metrics["data"].endswith(facts.FACTS[chosen.dataset].stored)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_nearer_to_real_images_than_what_learnt_nothing(name):
    judged = read(name, "metrics.json")["judged"]
    assert len(judged["nets"]) >= 2
    assert all(share <= 0.4 for share in judged["summary"]["share_of_untrained"].values())
    assert judged["summary"]["accuracy_share_of_real"] >= 0.55


def test_the_page_on_generation_does_what_it_says(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    page = (ROOT / "docs/generation.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/generation.md", "exec"), names)
    assert names["whole"].shape == (32, 96, 1)
    np.testing.assert_allclose(names["rows"].sum((1, 2)), 1, rtol=1e-4)
    assert (tmp_path / "attention.png").exists()
