"""The index, the folders in zoo/, the cards and the weight files say the same."""

import hashlib
import json
import math

import pytest
from safetensors.numpy import load_file

from keras_attention import zoo
from keras_attention.zoo import index, kinds, loading
from recipes import card, origin_card, recipe
from recipes.data import facts
from tests.source import ROOT

NAMES = zoo.list_models(source="wheel")
CLASSIFIERS = zoo.list_models(source="wheel", task="classification")
ENTRIES = json.loads(index.PATH.read_text("utf-8"))


def read(name, file):
    return json.loads((ROOT / "zoo" / name / file).read_text("utf-8"))


def test_the_index_and_the_folders_have_the_same_names():
    folders = {path.name for path in (ROOT / "zoo").iterdir() if path.is_dir()}
    others = {origin_card.folder(name).name for name in origin_card.NAMES}
    assert folders == set(NAMES) | others
    assert set(ENTRIES) == set(NAMES) | {n for n in others if n in zoo.list_models()}
    assert list(ENTRIES) == sorted(ENTRIES)


def test_the_weight_files_are_those_of_the_index_and_small():
    files = {path.name: path for path in loading.WEIGHTS.iterdir()}
    assert set(files) == {zoo.info(name).file for name in NAMES}
    assert sum(path.stat().st_size for path in files.values()) <= 20e6
    for name in NAMES:
        content = files[zoo.info(name).file].read_bytes()
        assert len(content) == zoo.info(name).size <= 2e6
        assert hashlib.sha256(content).hexdigest() == zoo.info(name).sha256


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_card_knows_whether_weights_were_rounded(name):
    metrics = read(name, "metrics.json")
    arrays = load_file(loading.WEIGHTS / metrics["file"])
    types = {str(array.dtype) for array in arrays.values()}
    assert types == ({"float32", "float16"} if metrics["rounded"] else {"float32"})


@pytest.mark.parametrize("name", NAMES)
def test_the_index_repeats_config_and_metrics(name):
    entry, config, metrics = ENTRIES[name], read(name, "config.json"), read(name, "metrics.json")
    given = config["arguments"]["attention"] or "none"
    attention = card.attention_key(config) if name in CLASSIFIERS else given
    known = {**config, **metrics, "attention": attention}
    assert entry == {key: known[key] for key in entry}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_card_is_made_from_the_metrics(name):
    text = (ROOT / "zoo" / name / "README.md").read_text("utf-8")
    assert text == card.render(name, ROOT / "zoo")
    metrics = read(name, "metrics.json")
    assert f"value: {metrics['score']:.4f}" in text
    assert metrics["sha256"] in text


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_numbers_say_where_they_are_from(name):
    metrics = read(name, "metrics.json")
    wanted = ("score", "seed", "command", "hardware", "software", "hours", "commit", "data")
    assert all(metrics[key] not in (None, "") for key in wanted)
    chosen = recipe.find(metrics["recipe"])()
    assert len(metrics["commit"]) == 40
    assert metrics["data"].endswith(facts.FACTS[chosen.dataset].stored)
    assert metrics["score"] == metrics["score_unrounded"]
    assert metrics["epochs"] == chosen.epochs >= 40


@pytest.mark.parametrize("name", NAMES)
def test_the_config_builds_the_model(name):
    config, metrics = read(name, "config.json"), read(name, "metrics.json")
    kind = kinds.of(config["architecture"])
    model = kind.build(config["architecture"], **config["arguments"])
    count = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert count == metrics["parameters"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_model_with_attention_has_its_plain_twin(name):
    config, metrics = read(name, "config.json"), read(name, "metrics.json")
    if card.attention_key(config) == "none":
        assert metrics["twin"] is None
        return
    twin, other = read(metrics["twin"], "config.json"), read(metrics["twin"], "metrics.json")
    assert {**twin["arguments"], "attention": None} == {**config["arguments"], "attention": None}
    assert card.attention_key(twin) == "none"
    for key in ("recipe", "seed", "epochs", "data_fingerprint", "commit"):
        assert other[key] == metrics[key], key


def test_the_readme_repeats_the_results():
    text = (ROOT / "README.md").read_text("utf-8")
    between = text.split(card.MARKS[0])[1].split(card.MARKS[1])[0]
    assert between.strip() == card.results(ROOT / "zoo")
    for name in CLASSIFIERS:
        assert f"| `{name}` | {read(name, 'metrics.json')['score']:.4f} |" in between


@pytest.mark.parametrize("name", origin_card.NAMES)
def test_cards_of_models_that_others_trained(name):
    place = origin_card.folder(name)
    text = (place / "README.md").read_text("utf-8")
    assert text == origin_card.render(name)
    entry = zoo.info(name)
    assert "Not re-evaluated here on ImageNet" in text and f"{entry.score:.3f}" in text
    for file, content in {"config": origin_card.config, "metrics": origin_card.metrics}.items():
        assert json.loads((place / f"{file}.json").read_text("utf-8")) == content(name)


def test_the_models_that_users_asked_for_come_from_their_trainer():
    for name, count in {"resnet50_cbam": 28_089_624, "resnet50_bam": 25_915_099}.items():
        entry = zoo.info(name)
        assert (entry.source, entry.parameters, entry.licence) == ("pytorchcv", count, "MIT")
        assert entry.origin["url"].endswith(f"/{entry.origin['member']}.zip")
        assert entry.origin["member"].endswith(f"{entry.origin['sha1'][:8]}.pth")
        assert len(entry.labels) == 1000
