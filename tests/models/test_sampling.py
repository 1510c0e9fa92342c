"""Pictures of a generator: of the seed alone, and never a wrong one in silence."""

import keras
import numpy as np
import pytest

from keras_attention import models
from keras_attention.models import sampling
from tests.layers.tools import run, to_numpy

from .test_sagan import filled, on_torch_alone

TINY = {"width": 2, "latent": 6, "num_classes": 3}
NAMES = ("shoe", "bag", "coat")


def test_pictures_are_those_of_the_images():
    generator, labels = filled("generator", **TINY), [2, 0, 1, 1, 2]
    found = models.sample(generator, labels, seed=7)
    assert found.shape == (5, 32, 32, 3) and found.dtype == np.uint8
    inputs = [sampling.latents(5, 6, seed=7), np.array(labels, "int32")]
    images = to_numpy(run(generator, inputs, training=False))
    assert np.abs(images).max() > 0.5 and np.ptp(images.mean((1, 2, 3))) > 0.01
    # From -1..1 to 0..255, rounded.
    assert np.abs(found - (images.astype("float64") + 1) * 127.5).max() <= 0.501
    parts = models.sample(generator, np.array(labels), seed=7, batch_size=2)
    assert np.abs(parts.astype(int) - found).max() <= 1 and (parts == found).mean() > 0.999


@on_torch_alone
def test_classes_by_name():
    generator = filled("generator", labels=NAMES, **TINY)
    found = models.sample(generator, ["bag", "shoe", "bag"], seed=0)
    np.testing.assert_array_equal(found, models.sample(generator, [1, 0, 1], seed=0))
    for some in (["bag", 0, np.int64(1)], np.array(["bag", "shoe", "bag"]), ("bag", "shoe", "bag")):
        np.testing.assert_array_equal(found, models.sample(generator, some, seed=0))
    np.testing.assert_array_equal(
        models.sample(generator, 3, seed=0), models.sample(generator, [*NAMES], seed=0)
    )


@on_torch_alone
@pytest.mark.parametrize(
    ("names", "labels", "message"),
    [
        (
            NAMES,
            ["bga"],
            "no class has this name. Did you mean 'bag'.*Received: 'bga'. Known: shoe",
        ),
        (NAMES, [0, "hat"], "no class has this name. Received: 'hat'. Known: shoe, bag, coat."),
        (NAMES, "bag", r"labels must be a class for each picture, such as \['bag'\]"),
        (NAMES, ["bag", 3], r"classes from 0 to 2. Received: labels\[1\]=3"),
        (("bag", "bag", "coat"), ["bag"], "2 classes have this name. Give its number. .*'bag'"),
        (None, ["bag"], r"integers in a row, for a generator of 3 classes. .*labels=\['bag'\]"),
    ],
    ids=str,
)
def test_refuses_names(names, labels, message):
    generator = models.build_generator("sagan32", None, labels=names, **TINY)
    with pytest.raises(ValueError, match=message):
        models.sample(generator, labels, seed=0)


@on_torch_alone
def test_a_picture_depends_on_seed_and_place_alone():
    generator = filled("generator", **TINY)
    found = models.sample(generator, 7, seed=1)
    np.testing.assert_array_equal(found, models.sample(generator, 7, seed=1))
    np.testing.assert_array_equal(found, models.sample(generator, [0, 1, 2, 0, 1, 2, 0], seed=1))
    np.testing.assert_array_equal(found[:3], models.sample(generator, 3, seed=1))
    assert (found != models.sample(generator, 7, seed=2)).mean() > 0.5
    assert (found[0] != models.sample(generator, [1], seed=1)[0]).mean() > 0.5
    assert (found[0] != found[3]).mean() > 0.5


@on_torch_alone
def test_the_model_is_left_as_it_was():
    generator = filled("generator", **TINY)
    before = generator.get_weights()
    models.sample(generator, 2, seed=0)
    for old, new in zip(before, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@on_torch_alone
def test_without_classes_and_channels_first():
    options = {"width": 2, "latent": 6, "channels": 1}
    last = filled("generator", **options)
    keras.config.set_image_data_format("channels_first")
    first = filled("generator", **options)
    keras.config.set_image_data_format("channels_last")
    first.set_weights(last.get_weights())
    found = models.sample(first, 3, seed=0)
    assert found.shape == (3, 32, 32, 1)
    assert np.abs(found.astype(int) - models.sample(last, 3, seed=0)).max() <= 1


@on_torch_alone
def test_noise():
    noise = sampling.latents(500, 40, seed=3)
    assert noise.dtype == np.float32 and abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    np.testing.assert_array_equal(noise[:4], sampling.latents(4, 40, seed=3))
    assert len(np.unique(noise)) > 0.99 * noise.size
    near = sampling.latents(500, 40, 3, truncation=0.5)
    kept = np.abs(noise) <= 0.5
    assert np.abs(near).max() <= 0.5
    np.testing.assert_array_equal(near[kept], noise[kept])
    # Of a normal distribution cut at 0.5.
    assert abs(near.std() - 0.2838) < 0.01


@on_torch_alone
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 3]}, r"classes from 0 to 2. Received: labels\[1\]=3"),
        ({"labels": [-1]}, r"classes from 0 to 2. Received: labels\[0\]=-1"),
        ({"labels": [0.5]}, r"integers in a row.* 3 classes. Received: labels=\[0.5\]"),
        ({"labels": []}, r"Received: labels=\[\]"),
        ({"labels": [[1]]}, r"Received: labels=\[\[1\]\]"),
        ({"labels": True}, "Received: labels=True"),
        ({"labels": 0}, "labels must be an integer >= 1. Received: labels=0"),
        ({"seed": -1}, "seed must be an integer >= 0. Received: seed=-1"),
        ({"seed": 1.5}, "seed must be an integer >= 0. Received: seed=1.5"),
        ({"truncation": 0.0}, "truncation must be None or a number >= 0.01. .*truncation=0.0"),
        ({"truncation": float("nan")}, "Received: truncation=nan"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1. Received: batch_size=0"),
    ],
)
def test_refuses(options, message):
    generator = models.build_generator("sagan32", None, **TINY)
    with pytest.raises(ValueError, match=message):
        models.sample(generator, **{"labels": 2, "seed": 0, **options})


@on_torch_alone
def test_refuses_classes_without_classes_and_other_models():
    generator = models.build_generator("sagan32", None, width=1)
    with pytest.raises(ValueError, match="a number of pictures >= 1, for .* of 0 classes"):
        models.sample(generator, [0, 0], seed=0)
    critic = models.build_discriminator("sagan32", None, width=1)
    with pytest.raises(ValueError, match=r"models.build_generator.* inputs=\['image'\]"):
        models.sample(critic, 2, seed=0)


@on_torch_alone
def test_refuses_what_is_no_number():
    generator = filled("generator", **TINY)
    generator.get_layer("to_image").bias.assign([0.0, np.nan, 0.0])
    with pytest.raises(ValueError, match="what is no number: its weights are damaged"):
        models.sample(generator, 2, seed=0)
