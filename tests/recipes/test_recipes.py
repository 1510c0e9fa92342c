import json

import keras
import numpy as np
import pytest

from recipes import augment, data, evaluate, optimize, recipe, state, train
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
    return train.build(chosen, data.load(chosen.dataset), seed)


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_runs_quickly(name, tmp_path, monkeypatch):
    result = train_main(name, tmp_path, monkeypatch)
    assert result["epochs"] == 2 and 0 <= result["accuracy"] <= 1
    assert result["recipe"]["attention"] == "eca" and result["seed"] == 3
    rows = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert rows[0] == "epoch,size,loss,accuracy,learning_rate,seconds" and len(rows) == 3
    kept = {"history.csv", "result.json", "weights.safetensors"}
    states = {path.name for path in state.found(tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == kept | states
    assert states == {"state-00001-0000000.safetensors", "state-00002-0000000.safetensors"}


def train_main(name, output, monkeypatch):
    """The command line of one quick run, with the net made narrow."""
    words = [name, "--attention", "eca", "--seed", "3", "--quick", "--output", str(output)]
    options = dict(recipe.find(name)(quick=True).model_options)
    narrow = f"model_options={ {**options, 'width': 2} }"
    assert train.main([*words, "--set", narrow]) == 0
    return json.loads((output / "result.json").read_text("utf-8"))


def test_names_and_mistypes():
    assert "cifar10_resnet18w16" in recipe.names()
    assert not {"train", "recipe", "data", "card"} & set(recipe.names())
    with pytest.raises(ValueError, match="Did you mean 'cifar10_resnet18w16'"):
        recipe.find("cifar10_resnet18w61")
    with pytest.raises(TypeError, match="Did you mean 'learning_rate'.*learning_rat=1"):
        quick().replace(learning_rat=1)
    with pytest.raises(ValueError, match="Did you mean 'cosine'.*Received: schedule='cosin'"):
        optimize.Schedule.of(tiny(schedule="cosin"), 4)
    with pytest.raises(ValueError, match="Did you mean 'flip'"):
        augment.apply(None, tiny(augment=("flipp",)), [0, 0])
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        data.load("cifar01")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cifar01_resnet18w16"], "Did you mean 'cifar10_resnet18w16'"),
        (["cifar10_resnet18w16", "--attention", "cbma"], "Did you mean 'cbam'"),
        (["cifar10_resnet18w16", "--set", "learning_rat=1"], "Did you mean 'learning_rate'"),
        (["cifar10_resnet18w16", "--set", "seed"], "--set needs field=value"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(words, message, capsys, tmp_path):
    assert train.main([*words, "--quick", "--output", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_published_recipe():
    chosen = recipe.find("cifar10_resnet18w16")("cbam")
    assert isinstance(chosen, Recipe)
    assert chosen.epochs == 60 and chosen.sizes[-1][1] == 32


def test_missing_data_tells_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Set TFDS_DATA_DIR.*t.load\\('cifar10'\\)"):
        data.load("cifar10")


def test_the_twins_start_alike():
    plain, gated = built(tiny(), 5), built(tiny(attention=CBAM), 5)
    shared = {w.path: keras.ops.convert_to_numpy(w) for w in plain.weights}
    found = {w.path: keras.ops.convert_to_numpy(w) for w in gated.weights}
    assert set(shared) < set(found)
    for path, array in shared.items():
        np.testing.assert_array_equal(found[path], array, err_msg=path)
    other = keras.ops.convert_to_numpy(built(tiny(), 6).get_layer("stem_conv").kernel)
    assert not np.allclose(other, shared["stem_conv/kernel"])


def test_weight_decay_spares_norms_and_biases():
    chosen = tiny(attention=CBAM, weight_decay=0.5)
    model = built(chosen, 0)
    optimize.compile_(model, chosen, 4)
    decayed = {w.path for w in model.trainable_weights if model.optimizer._use_weight_decay(w)}
    assert decayed == {w.path for w in model.trainable_weights if w.path.endswith("/kernel")}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schedule": "cosine", "warmup": 0.0}, {0: 1, 10: 0.5 + 0.5 * 2**-0.5, 20: 0.5, 40: 0}),
        ({"schedule": "cosine", "warmup": 0.25}, {0: 0, 5: 0.5, 10: 1, 25: 0.5, 40: 0}),
        (
            {"schedule": "linear", "warmup": 0.25, "start_rate": 0.2, "final_rate": 0.1},
            {0: 0.2, 5: 0.6, 10: 1, 25: 0.55, 40: 0.1},
        ),
        (
            {"schedule": "step", "warmup": 0.0, "drop_at": (0.5, 0.75)},
            {0: 1, 19: 1, 20: 0.1, 29: 0.1, 30: 0.01, 40: 0.01},
        ),
    ],
)
def test_schedules(fields, expected):
    rate = optimize.Schedule.of(tiny(learning_rate=0.3, **fields), 40)
    told = {step: float(keras.ops.convert_to_numpy(rate(step))) for step in expected}
    assert told == pytest.approx({step: 0.3 * part for step, part in expected.items()}, abs=1e-7)
    again = optimize.Schedule.from_config({**rate.get_config()})
    assert float(keras.ops.convert_to_numpy(again(7))) == pytest.approx(float(rate(7)))


def batches_of(chosen, first, last, seed=0):
    split = data.load("generated").splits["train"]
    pipeline = data.batches(split, chosen, size=16, first=first, last=last, seed=seed)
    return [(x.numpy(), y.numpy()) for x, y in pipeline]


def test_batches_depend_on_seed_and_epoch_alone():
    chosen = tiny()
    whole, later = batches_of(chosen, 0, 2), batches_of(chosen, 1, 2)
    assert len(whole) == 8 and len(later) == 4
    for (x, y), (again_x, again_y) in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(x, again_x)
        np.testing.assert_array_equal(y, again_y)
    assert not np.array_equal(whole[0][0], whole[4][0])
    assert not np.array_equal(whole[0][0], batches_of(chosen, 0, 1, seed=1)[0][0])


def test_an_epoch_shows_each_image_once():
    labels = np.concatenate([y.argmax(-1) for _, y in batches_of(tiny(), 0, 1)])
    assert sorted(labels) == sorted(np.arange(64) % 10)


def test_augmentation_against_numpy():
    chosen = tiny(crop_padding=2, cutout_size=4)
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype="uint8")
    cropped = augment.crop(x, chosen, [1, 2]).numpy()
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    windows = [
        [(i, j) for i in range(5) for j in range(5) if (p[i : i + 8, j : j + 8] == c).all()]
        for p, c in zip(padded, cropped, strict=True)
    ]
    assert all(windows) and len({w[0] for w in windows}) > 10
    flipped = augment.flip(x, chosen, [1, 2]).numpy()
    mirrored = [(f == i[:, ::-1]).all() for f, i in zip(flipped, x, strict=True)]
    same = [(f == i).all() for f, i in zip(flipped, x, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True)) and 8 < sum(mirrored) < 32
    cut = augment.cutout(x, chosen, [1, 2]).numpy()
    hidden = (cut == np.round(255 * np.array(chosen.mean))).all(-1)
    np.testing.assert_array_equal(cut[~hidden], x[~hidden])
    assert hidden.sum((1, 2)).max() == 16 and hidden.sum((1, 2)).min() >= 4
    assert augment.resize(np.full((1, 8, 8, 3), 7, "uint8"), 4).numpy() == pytest.approx(7)


def test_evaluate_needs_a_known_model(capsys):
    assert evaluate.main(["resnet18w16_cbam_cifar"]) == 2
    assert "Did you mean" in capsys.readouterr().err
