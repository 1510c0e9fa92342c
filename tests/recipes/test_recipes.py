import json

import keras
import numpy as np
import pytest

from recipes import data, evaluate, recipe, train
from recipes.engine import optimize, run, state
from recipes.recipe import Recipe

# For the two channels of `tiny`.
CBAM = {"type": "cbam", "reduction": 2}


def quick(**fields):
    return recipe.find("cifar10_resnet18w16")(None, quick=True).replace(**fields)


def tiny(**fields):
    """One epoch of the quick recipe on a net that trains in a second."""
    narrow = {"model_options": {"width": 2, "stem": "small"}, "precision": "float32"}
    return quick(**{**narrow, "sizes": ((1, 16),), **fields})


def built(chosen, seed=0):
    return run.build(chosen, data.load(chosen.dataset), seed)


# Each backend trains such networks elsewhere.
ON_TORCH_ALONE = (
    "cifar10_cct", "cifar10_cct2", "cifar10_resnet18w24", "cifar10_resnet20", "cifar10_vit",
    "fashion_mnist_preact20", "fashion_mnist_preact20_short", "imagenet_deit_s",
    "imagenet_resnet50", "imagenet_vit_s16",
)  # fmt: skip


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_runs_quickly(name, tmp_path):
    if name in ON_TORCH_ALONE and keras.backend.backend() != "torch":
        pytest.skip("each backend trains such networks elsewhere")
    result, attention = train_main(name, tmp_path)
    assert result["epochs"] == 2 and 0 <= result["accuracy"] <= 1
    assert result["recipe"]["attention"] == attention and result["seed"] == 3
    assert f"seed 3: {result['accuracy']:.2%} of 64 test images right" in result["summary"]
    rows = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert rows[0] == "epoch,size,loss,accuracy,learning_rate,seconds" and len(rows) == 3
    kept = {"recipe.json", "history.csv", "result.json", "weights.safetensors"}
    states = {path.name for path in state.found(tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == kept | states
    assert states == {"state-00001-0000000.safetensors", "state-00002-0000000.safetensors"}


def train_main(name, output):
    """The result and the attention of one quick run of the command line, with a narrow net."""
    words = [name, "--seed", "3", "--quick", "--output", str(output)]
    chosen = recipe.find(name)(quick=True)
    attention = chosen.attention
    if "hidden" not in chosen.model_options:  # not of a vision transformer, whose slots are full
        attention = "eca"
        narrow = f"model_options={ {**chosen.model_options, 'width': 2} }"
        words += ["--attention", "eca", "--set", narrow]
    assert train.main(words) == 0
    return json.loads((output / "result.json").read_text("utf-8")), attention


def test_names_and_mistypes():
    assert "cifar10_resnet18w16" in recipe.names()
    assert not {"train", "recipe", "data", "card"} & set(recipe.names())
    with pytest.raises(ValueError, match="Did you mean 'cifar10_resnet18w16'"):
        recipe.find("cifar10_resnet18w61")
    with pytest.raises(TypeError, match="Did you mean 'learning_rate'.*learning_rat=1"):
        quick().replace(learning_rat=1)
    with pytest.raises(ValueError, match="Did you mean 'cosine'.*Received: schedule='cosin'"):
        optimize.Schedule.of(tiny(schedule="cosin"), 4)
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        data.load("cifar01")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cifar01_resnet18w16"], "Did you mean 'cifar10_resnet18w16'"),
        (["cifar10_resnet18w16", "--attention", "cbma"], "Did you mean 'cbam'"),
        (["cifar10_resnet18w16", "--set", "learning_rat=1"], "Did you mean 'learning_rate'"),
        (["cifar10_resnet18w16", "--set", "seed"], "--set needs field=value"),
        (["cifar10_resnet18w16", "--set", "optimizer=adamx"], "Did you mean 'adamw'"),
        (["cifar10_resnet18w16", "--set", "sizes=3"], "int is not a tuple. Received: sizes=3"),
        (["cifar10_resnet18w16", "--set", "sizes=((2, 8), (2, 'a'))"], "item 1 of item 1"),
        (["cifar10_resnet18w16", "--set", "attention=5"], "Received: attention=5"),
        (["cifar10_resnet18w16", "--set", "schedule=cos"], "Did you mean 'cosine'"),
        (["cifar10_resnet18w16", "--set", "augment=('flipp',)"], "Did you mean 'flip'"),
        (["flowers5_finetune", "--set", "pretrained=resnet18w16_cifar01"], "resnet18w16_cifar10"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(words, message, capsys, tmp_path):
    assert train.main([*words, "--quick", "--output", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_network_that_cannot_be_built_is_one_line(more, capsys, tmp_path):
    options = "model_options={'width': 0, 'stem': 'small'}"
    words = ["cifar10_resnet18w16", "--quick", "--set", options, "--output", str(tmp_path / "run")]
    assert train.main([*words, *more]) == 2
    error = capsys.readouterr().err
    assert "width" in error and "Received" in error and error.count("\n") == 1


def test_exit_codes(capsys, tmp_path, monkeypatch):
    """0 is what every recipe ends with, 3 a loss that is no number: test_resume."""
    told = " ".join(train.__doc__.split())
    assert "Exit codes: 0, or 2 for a mistake in the command or missing data, or 3 where" in told
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    words = ["cifar10_resnet20", "--output", str(tmp_path / "run")]
    for more in ([], ["--dry-run"]):
        assert train.main([*words, *more]) == 2
        error = capsys.readouterr().err
        assert error.startswith("train: ") and error.count("\n") == 1
    with pytest.raises(SystemExit) as exit_:
        train.main([*words, "--no-such-option"])
    assert exit_.value.code == 2


def test_the_published_recipe():
    chosen = recipe.find("cifar10_resnet18w16")("cbam")
    assert isinstance(chosen, Recipe)
    assert chosen.epochs == 60 and chosen.sizes[-1][1] == 32


def test_the_twins_start_alike():
    plain, gated = built(tiny(), 5), built(tiny(attention=CBAM), 5)
    shared = {w.path: keras.ops.convert_to_numpy(w) for w in plain.weights}
    found = {w.path: keras.ops.convert_to_numpy(w) for w in gated.weights}
    assert set(shared) < set(found)
    for path, array in shared.items():
        np.testing.assert_array_equal(found[path], array, err_msg=path)
    other = keras.ops.convert_to_numpy(built(tiny(), 6).get_layer("stem_conv").kernel)
    assert not np.allclose(other, shared["stem_conv/kernel"])


def test_without_its_own_attention_a_network_starts_as_with_it():
    chosen = recipe.find("cifar10_cct2")(quick=True)
    own, without = built(chosen, 5), built(chosen.replace(attention="none"), 5)
    starts = {w.path: keras.ops.convert_to_numpy(w) for w in own.weights}
    for weight in without.weights:
        found = keras.ops.convert_to_numpy(weight)
        np.testing.assert_array_equal(found, starts.pop(weight.path), err_msg=weight.path)
    layers = {path.split("/")[0] for path in starts}
    assert layers == {"stage1_block1_norm1", "stage1_block1_attention"}


def test_none_takes_away_what_a_network_has_of_its_own():
    def chosen(*words):
        return train._chosen(train._parser().parse_args(words))

    assert chosen("cifar10_cct2").attention is None
    assert chosen("cifar10_cct2", "--attention", "own").attention is None
    assert chosen("cifar10_cct2", "--attention", "none").attention == "none"
    assert chosen("cifar10_cct", "--attention", "none").attention == "none"
    assert chosen("cifar10_airbench", "--attention", "none").attention is None
    assert chosen("flowers5_finetune", "--attention", "none").attention == "none"
    options = train._parser().parse_args(["cifar10_vit"])
    assert train._default_output(options, chosen("cifar10_vit")) == "runs/cifar10_vit/own_seed0"
    options = train._parser().parse_args(["cifar10_vit", "--attention", "none"])
    assert train._default_output(options, chosen("cifar10_vit")) == "runs/cifar10_vit/none_seed0"


def test_evaluate_needs_a_known_model(capsys):
    assert evaluate.main(["resnet18w16_cbam_cifar"]) == 2
    assert "Did you mean" in capsys.readouterr().err
