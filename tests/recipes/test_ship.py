"""A finished run becomes a published model, in a project of its own."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

import keras_attention as ka
from keras_attention import zoo
from keras_attention.zoo import cached, index, loading
from recipes import card, ship, train
from recipes.data import facts
from recipes.gan import card as gan_card
from recipes.gan import evaluate, run
from recipes.gan import ship as gan_ship
from recipes.gan.recipe import GanRecipe
from tests.backends import on_torch_alone

pytestmark = on_torch_alone


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty zoo."""
    for name in ("weights", "zoo"):
        (tmp_path / name).mkdir()
    (tmp_path / "index.json").write_text("{}", "utf-8")
    (tmp_path / "README.md").write_text("a\n<!-- results -->\n<!-- /results -->\nb\n", "utf-8")
    for module in (loading, cached):
        monkeypatch.setattr(module, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(index, "PATH", tmp_path / "index.json")
    monkeypatch.setattr(ship, "ROOT", tmp_path)
    monkeypatch.setattr(ship, "CARDS", tmp_path / "zoo")
    index._read.cache_clear()
    yield tmp_path
    index._read.cache_clear()


def test_a_run_that_is_not_there_is_told(project, capsys):
    assert ship.main([str(project / "rnus"), "plain"]) == 2
    assert capsys.readouterr().err.endswith("rnus\n") and not list((project / "zoo").iterdir())


def test_only_large_weights_of_large_files_are_rounded(project, monkeypatch):
    arrays = {"large": np.full((300, 300), 0.1, "float32"), "small": np.full(300, 0.1, "float32")}
    size = sum(array.nbytes for array in arrays.values())
    save_file(arrays, project / "run.safetensors")
    for limit, large in ((size, "float32"), (size - 1, "float16")):
        monkeypatch.setattr(ship, "ROUNDED_ABOVE", limit)
        written = ship.write_weights(project / "run.safetensors", "net")
        found = load_file(project / "weights" / written["file"])
        assert written["rounded"] == (large == "float16")
        assert {key: array.dtype for key, array in found.items()} == {
            "large": large,
            "small": "float32",
        }


def test_a_classifier_of_grey_images_and_its_twin(project):
    recipe = "fashion_mnist_preact20_short"
    for attention, name in (("none", "plain"), ("eca", "gated")):
        told = ["--set", "model_options={'width': 2}", "--output", str(project / name)]
        assert train.main([recipe, "--quick", "--attention", attention, *told]) == 0
        twin = [] if attention == "none" else ["--twin", "plain"]
        assert ship.main([str(project / name), name, *twin]) == 0
    assert zoo.list_models(source="wheel") == ["gated", "plain"]
    model = zoo.load("gated")
    assert model.input_shape == (None, 28, 28, 1) and zoo.info("gated").attention == "eca"
    grey = np.random.default_rng(0).integers(0, 256, (28, 28), "uint8")
    assert zoo.classify("gated", grey)[0].label.startswith("class ")
    assert zoo.features("plain", grey[None, ..., None]).shape == (1, 8)
    result = json.loads((project / "plain/result.json").read_text("utf-8"))
    assert zoo.info("plain").score == pytest.approx(result["accuracy"], abs=0.05)
    text = (project / "zoo/gated/README.md").read_text("utf-8")
    wanted = (
        "ECA in every block",
        "takes grey images",
        "the twin without attention",
        "light on black",
        "ECA-Net",
    )
    for part in (*wanted, "is about 0.3 points"):
        assert part in text
    assert "--seed" not in text and str(project) not in text
    table = (project / "README.md").read_text("utf-8")
    assert table.count("| `plain` |") == 1 and table.startswith("a\n") and table.endswith("b\n")
    assert card.results(project / "zoo") in table


def test_what_a_card_calls_attention():
    def told(architecture, attention):
        config = {"architecture": architecture, "arguments": {"attention": attention}}
        return card.attention_key(config), card._attention(config)

    assert told("cct_2_3x2_32", None) == ("mhsa", "self-attention in every block")
    assert told("cct_2_3x2_32", "none") == ("none", "no attention but that of its pooling")
    assert told("resnet18", {"type": "cbam", "reduction": 8}) == ("cbam", "CBAM in every block")
    assert told("resnet18", None) == ("none", "no attention")


@pytest.mark.parametrize(
    ("gain", "chance"), [(0.012, True), (-0.012, True), (0.03, False), (-0.03, False)]
)
def test_a_card_claims_what_chance_would_not_give(gain, chance, tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/metrics.json").write_text('{"score": 0.85, "parameters": 990}', "utf-8")
    metrics = {"score": 0.85 + gain, "twin": "plain", "recipe": "cifar10_resnet18w16"}

    def told(parameters):
        shown = {**metrics, "parameters": parameters}
        return card._comparison("gated", shown, tmp_path, facts.FACTS["cifar10"])

    text = told(1000)
    assert ("nothing is claimed" in text) == chance and f"{100 * gain:+.2f} points" in text
    assert "within 0.3 points of each other" in text and "its size" not in text
    assert "The twin has 990 parameters, so its size may be" in told(1100)


def test_a_generator(project, capsys):
    chosen = GanRecipe(
        dataset="generated_grey", model="sagan32", steps=1, size=32, width=4, latent=4
    )
    folder = project / "run"
    folder.mkdir()
    with keras.name_scope("average"):
        average = ka.models.build_generator(
            "sagan32", "sagan", num_classes=10, width=4, latent=4, channels=1
        )
    run.save_generator(folder / "generator.safetensors", average)
    result = {
        "recipe": chosen.told(), "classes": 10, "channels": 1, "dataset": "generated", "seed": 3,
        "steps": 1, "hours": 0.1, "hardware": "a core", "software": "keras", "commit": "a" * 40,
        "command": "python -m recipes.gan fashion_mnist_sagan --seed 3",
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result), "utf-8")
    assert gan_ship.main([str(folder), "small"]) == 2
    assert "score.json is missing" in capsys.readouterr().err
    score = evaluate.judged(folder, result, {"one": net()}, 48, 1)
    (folder / "score.json").write_text(json.dumps(score), "utf-8")
    assert gan_ship.main([str(folder), "small", "--note", "It was short."]) == 0
    entry = zoo.info("small")
    assert entry.task == "generation" and entry.metric == "FD-one" and entry.top1 is None
    assert entry.parameters > 0 and entry.gmacs > 0 and len(entry.labels) == 10
    shipped = zoo.load("small")
    ours = ka.models.sample(average, 5, 1)
    np.testing.assert_array_equal(ka.models.sample(shipped, 5, 1), ours)
    place = project / "zoo/small"
    with Image.open(place / "grid.png") as grid, Image.open(place / "attention.png") as maps:
        assert grid.size == (10 * 64, 8 * 64) and maps.size[0] > 300
    text = (place / "README.md").read_text("utf-8")
    assert text == gan_card.render("small", project / "zoo")
    for part in ("FD-one", "an untrained generator", "It was short.", "at 16 pixels", "seed 3"):
        assert part in text
    assert f"**this generator** | {score['nets']['one']['frechet']['value']:.3f} |" in text


def net():
    """A net of eight random features."""
    keras.utils.set_random_seed(1)
    x = keras.Input((32, 32, 1))
    y = keras.layers.Conv2D(8, 5, 4, activation="relu")(keras.layers.Rescaling(1 / 255)(x))
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))
