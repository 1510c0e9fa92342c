import json

import keras
import numpy as np
import pytest

from recipes import augment, data, evaluate, recipe, state, train
from recipes.recipe import Recipe

# For the two channels of `tiny`.
CBAM = {"type": "cbam", "reduction": 2}


def quick(**fields):
    return recipe.find("cifar10_resnet18w16")(None, quick=True).replace(**fields)


def tiny(**fields):
    """One epoch of the quick recipe on a net that trains in a second."""
    narrow = {"model_options": {"width": 2, "stem": "small"}, "precision": "float32"}
    return quick(**{**narrow, "sizes": ((1, 16),), **fields})


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_runs_quickly(name, tmp_path, monkeypatch):
    result = train_main(name, tmp_path, monkeypatch)
    assert result["epochs"] == 2 and 0 <= result["accuracy"] <= 1
    assert result["recipe"]["attention"] == "eca" and result["seed"] == 3
    rows = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert rows[0] == "epoch,size,loss,accuracy,learning_rate,seconds" and len(rows) == 3
    kept = {"history.csv", "result.json", "state.safetensors", "weights.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def train_main(name, output, monkeypatch):
    """The command line of one quick run, with the net made narrow."""
    words = [name, "--attention", "eca", "--seed", "3", "--quick", "--output", str(output)]
    narrow = "model_options={'width': 2, 'stem': 'small'}"
    assert train.main([*words, "--set", narrow]) == 0
    return json.loads((output / "result.json").read_text("utf-8"))


def test_names_and_mistypes():
    assert "cifar10_resnet18w16" in recipe.names()
    assert not {"train", "recipe", "data", "card"} & set(recipe.names())
    with pytest.raises(ValueError, match="Did you mean 'cifar10_resnet18w16'"):
        recipe.find("cifar10_resnet18w61")
    with pytest.raises(TypeError, match="Did you mean 'learning_rate'.*learning_rat=1"):
        quick().replace(learning_rat=1)
    with pytest.raises(ValueError, match="Received: schedule='cosin'"):
        train.compile_(train.build(tiny(), 10, 0), tiny(schedule="cosin"), 4)
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
    plain, gated = train.build(tiny(), 10, 5), train.build(tiny(attention=CBAM), 10, 5)
    shared = {w.path: keras.ops.convert_to_numpy(w) for w in plain.weights}
    found = {w.path: keras.ops.convert_to_numpy(w) for w in gated.weights}
    assert set(shared) < set(found)
    for path, array in shared.items():
        np.testing.assert_array_equal(found[path], array, err_msg=path)
    other = keras.ops.convert_to_numpy(train.build(tiny(), 10, 6).get_layer("stem_conv").kernel)
    assert not np.allclose(other, shared["stem_conv/kernel"])


def test_weight_decay_spares_norms_and_biases():
    chosen = tiny(attention=CBAM, weight_decay=0.5)
    model = train.build(chosen, 10, 0)
    train.compile_(model, chosen, 4)
    decayed = {w.path for w in model.trainable_weights if model.optimizer._use_weight_decay(w)}
    assert decayed == {w.path for w in model.trainable_weights if w.path.endswith("/kernel")}


@pytest.mark.parametrize(("schedule", "first"), [("one_cycle", 0.0), ("cosine", 0.3)])
def test_schedules(schedule, first):
    chosen = tiny(schedule=schedule, warmup=0.25, learning_rate=0.3, sizes=((10, 16),))
    model = train.build(chosen, 10, 0)
    train.compile_(model, chosen, 4)
    rate = model.optimizer._learning_rate
    told = [float(keras.ops.convert_to_numpy(rate(step))) for step in range(41)]
    assert told[0] == pytest.approx(first, abs=1e-7) and told[40] == pytest.approx(0, abs=1e-7)
    assert max(told) == pytest.approx(0.3, rel=1e-5)
    if schedule == "one_cycle":
        assert np.argmax(told) == 10 and told[5] == pytest.approx(0.15, rel=1e-5)


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


def test_a_run_goes_on_where_it_stopped(tmp_path):
    chosen = tiny(batch_size=32, sizes=((3, 8),))
    whole = train.train(chosen, 1, tmp_path / mkdir(tmp_path, "whole"))
    output = tmp_path / mkdir(tmp_path, "parts")
    stop_after(chosen, 1, output, epochs=1)
    parts = train.train(chosen, 1, output)
    assert parts["epochs"] == whole["epochs"] == 3
    from safetensors.numpy import load_file

    first = load_file(tmp_path / "whole" / "weights.safetensors")
    second = load_file(output / "weights.safetensors")
    for key, array in first.items():
        np.testing.assert_allclose(second[key], array, atol=1e-4, err_msg=key)


def mkdir(folder, name):
    (folder / name).mkdir()
    return name


def stop_after(chosen, seed, output, epochs):
    """Train and break off, as a killed process would, after some epochs."""

    class Stopped(Exception):
        pass

    save = state.save

    def save_and_stop(path, model, history):
        save(path, model, history)
        if len(history) == epochs:
            raise Stopped

    state.save = save_and_stop
    try:
        with pytest.raises(Stopped):
            train.train(chosen, seed, output)
    finally:
        state.save = save


def test_a_state_of_another_model_is_refused(tmp_path):
    model = train.build(tiny(), 10, 0)
    train.compile_(model, tiny(), 4)
    state.save(tmp_path / "state.safetensors", model, [])
    other = train.build(tiny(attention="eca"), 10, 0)
    train.compile_(other, tiny(attention="eca"), 4)
    with pytest.raises(ValueError, match="belongs to another model"):
        state.restore(tmp_path / "state.safetensors", other)


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match="The loss of epoch 1 is"):
        train.train(tiny(learning_rate=float("nan"), schedule="cosine"), 0, tmp_path)
    assert not (tmp_path / "state.safetensors").exists()


def test_evaluate_needs_a_known_model(capsys):
    assert evaluate.main(["resnet18w16_cbam_cifar"]) == 2
    assert "Did you mean" in capsys.readouterr().err
