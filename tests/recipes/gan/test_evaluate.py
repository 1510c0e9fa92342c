"""Judging a finished run, with nets and generators that are made here."""

import json

import keras
import numpy as np
import pytest

import keras_attention as ka
from recipes import data
from recipes.gan import classifier, evaluate, run
from recipes.gan.recipe import GanRecipe
from tests.backends import on_torch_alone

pytestmark = on_torch_alone

CHOSEN = GanRecipe(dataset="generated", model="sagan32", steps=1, size=32, width=2, latent=4)


def result(chosen, classes=10):
    return {"recipe": chosen.told(), "classes": classes, "channels": 3, "seed": 4}


def net(seed):
    """A net of eight random features."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((32, 32, 3))
    y = keras.layers.Conv2D(8, 5, 4, activation="relu")(keras.layers.Rescaling(1 / 255)(x))
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))


NETS = {"one": net(1), "two": net(2)}


def generator(chosen=CHOSEN, seed=4):
    """Where a run starts."""
    return run.untrained(chosen, 10, 3, seed, ("generator",))[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose generator learnt nothing."""
    folder = tmp_path_factory.mktemp("run")
    run.save_generator(folder / "generator.safetensors", generator())
    (folder / "result.json").write_text(json.dumps(result(CHOSEN)))
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return evaluate.judged(folder, result(CHOSEN), NETS, 48, 1)


def test_every_number_has_its_floors(found):
    for told in found["nets"].values():
        assert set(told["floors"]) == {
            "train, half and half", "train and test", "train and noise",
            "train and an untrained generator",
        }  # fmt: skip
        assert 0 <= told["floors"]["train and test"]["frechet"] < told["frechet"]["value"]
        assert told["frechet"]["generated"] == told["frechet"]["real"] == 48
        assert 0 <= told["neighbours_of_noise"]["precision"] <= 1
    # This run learnt nothing: it is where it started.
    assert found["summary"]["share_of_untrained"] == {"one": 1, "two": 1}
    json.dumps(found)


def test_a_run_is_compared_with_its_own_start_which_its_twin_shares():
    splits = data.load("generated").splits
    plain, gated = (CHOSEN.replace(attention=name) for name in (None, "sagan"))
    starts = [generator(plain), generator(gated), generator(plain, seed=5)]
    made = [
        evaluate.compared(plain, **splits, generator=start, untrained=starts[0], count=16)
        for start in starts
    ]
    for images in made:
        np.testing.assert_array_equal(images.others["an untrained generator"], made[0].generated)
    np.testing.assert_array_equal(made[0].generated, made[1].generated)
    assert np.any(made[0].generated != made[2].generated)


def test_real_images_in_the_place_of_samples_are_as_good_as_real(monkeypatch):
    """What a perfect generator would get."""
    splits = data.load("generated").splits
    train = splits["train"]

    def made(generator, chosen, count, side, seed=0):
        return train.at(np.arange(count) % len(train)).images

    monkeypatch.setattr(evaluate, "made", made)
    images = evaluate.compared(CHOSEN, **splits, generator=None, untrained=None, count=64)
    told = evaluate.in_net("one", NETS["one"], images)
    assert abs(told["frechet"]["value"]) < 1e-6
    assert told["neighbours"]["precision"] == told["neighbours"]["recall"] == 1
    scored = evaluate.accuracy(CHOSEN, 10, **splits, generator=None, epochs=1)
    assert scored["share"] == 1 and scored["images"] == 64


def test_a_net_of_rgb_images_is_shown_grey_ones():
    grey = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), "uint8")
    wanted = NETS["one"].predict(np.repeat(grey, 3, axis=-1).astype("float32"), verbose=0)
    np.testing.assert_allclose(evaluate.features(NETS["one"], grey), wanted, rtol=1e-5)


def test_the_classifier_learns():
    splits = data.load("generated").splits
    train, test = splits["train"], splits["test"]
    logits = classifier.train(train.images, train.labels, 10, epochs=8)(test.images)
    assert np.mean(logits.argmax(1) == test.labels) > 0.3  # chance is 0.1


def test_padding_is_cut_off_again():
    chosen = CHOSEN.replace(fit="pad")
    generator = ka.models.build_generator("sagan32", num_classes=10, width=2, latent=4)
    whole = ka.models.sample(generator, 3, evaluate.SEED, batch_size=250)
    np.testing.assert_array_equal(evaluate.made(generator, chosen, 3, 28), whole[:, 2:30, 2:30])
    np.testing.assert_array_equal(evaluate.made(generator, chosen, 3, 32), whole)
    np.testing.assert_array_equal(evaluate.made(generator, CHOSEN, 3, 32), whole)


def test_two_runs_are_compared_in_each_net(found):
    worse = json.loads(json.dumps(found))
    for told in worse["nets"].values():
        told["frechet"]["value"] += 1
    both = evaluate.agreement(found, worse)
    assert both.agree and both.differences == pytest.approx({"one": 1, "two": 1})
    worse["nets"]["two"]["frechet"]["value"] -= 3
    assert not evaluate.agreement(found, worse).agree


def test_the_command(folder, found, monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "feature_net", NETS.get)
    monkeypatch.setattr(evaluate, "judged", lambda *given: found if given[2] == NETS else None)
    command = [str(folder), "--nets", "one,two", "--count", "48", "--epochs", "1"]
    assert evaluate.main(command) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told["frechet"]) == {"one", "two"} and told["accuracy_share_of_real"] >= 0
    assert json.loads((folder / "score.json").read_text())["summary"] == told
    assert evaluate.main([*command, "--against", str(folder)]) == 0
    assert '"agree": false' in capsys.readouterr().out  # no difference has no sign


@pytest.mark.parametrize(
    "command, message",
    [(["nowhere", "--nets", "resnet18w16_cifar10"], "nowhere"), ([".", "--nets", "resnt"], "")],
)
def test_mistakes_are_one_line(command, message, capsys):
    assert evaluate.main(command) == 2
    told = capsys.readouterr().err
    assert told.startswith("evaluate: ") and message in told and told.count("\n") == 1


def test_a_run_of_recipes_train_is_a_net(tmp_path):
    from safetensors.numpy import save_file

    from recipes import fashion_mnist_preact20

    chosen = fashion_mnist_preact20.recipe(quick=True)
    labels = data.load(chosen.dataset, ("test",)).names
    side = chosen.sizes[-1][1]
    model = ka.models.build(
        chosen.model, num_classes=len(labels), input_shape=(side, side, 1), mean=chosen.mean,
        std=chosen.std, **chosen.model_options,
    )  # fmt: skip
    arrays = {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.weights}
    save_file(arrays, tmp_path / "weights.safetensors")
    (tmp_path / "result.json").write_text(json.dumps({"recipe": chosen.told()}))
    again = evaluate.feature_net(str(tmp_path))
    images = data.load(chosen.dataset, ("test",)).splits["test"].images[:2, :side, :side]
    np.testing.assert_array_equal(again.predict(images), model.predict(images))
