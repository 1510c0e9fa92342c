"""What is logged and warned of, and the data with a rule: NumPy alone."""

import itertools

import numpy as np
import pytest

from recipes.gan import draws, grid, recipe, run, shapes, watch
from tests.backends import on_torch_alone
from tests.recipes.gan import nets

pytestmark = on_torch_alone


def test_diversity_is_the_mean_distance():
    x = np.random.default_rng(0).normal(3, 1, (5, 4, 4, 2)).astype("float32")
    pairs = itertools.combinations(x.astype("float64"), 2)
    wanted = np.mean([np.sqrt(((a - b) ** 2).mean()) for a, b in pairs])
    assert abs(watch.diversity(x) - wanted) < 1e-12
    assert watch.diversity(np.ones((3, 2, 2, 1))) == 0


def rows(**columns):
    """A made-up run: a step in a hundred of 1000, healthy but for what is given."""
    healthy = {"diversity": 0.9, "d_loss": 1.5, "g_gradient": 2.0}
    count = max(map(len, columns.values()))
    made = [{"step": 100 * (i + 1), **healthy} for i in range(count)]
    for name, values in columns.items():
        for row, value in zip(made, values, strict=True):
            row[name] = value
    return made


def first_warned(made):
    """(step, words) of the first warning, as a run that goes on would give it."""
    for count in range(1, len(made) + 1):
        if told := watch.warnings(made[:count], 1000):
            return made[count - 1]["step"], "; ".join(told)
    return None


@pytest.mark.parametrize(
    ("columns", "step", "words"),
    [
        ({"diversity": [0.1, 0.9, 0.8, 0.6, 0.46, 0.44, 0.2]}, 600, "grow alike"),
        ({"diversity": [0.1, 0.2, 0.3]}, 200, "below 0.25"),
        ({"d_loss": [0.01, 0.04, 1, 0.04, 0.03, 0.02]}, 600, "has won"),
        ({"d_loss": [2, 2.0, 1.998, 2.001, 1.5]}, 400, "knows nothing"),
        ({"g_gradient": [1e9, 1, 2, 3, 190, 260]}, 600, "100 times"),
    ],
)
def test_a_collapse_is_told_at_its_row(columns, step, words):
    found = first_warned(rows(**columns))
    assert found is not None and found[0] == step and words in found[1]


def test_a_healthy_run_is_not_warned_of():
    made = rows(diversity=[0.02, 0.6, 0.9, 0.7, 0.8], d_loss=[2, 1.9, 0.6, 1.2, 1.4])
    assert first_warned(made) is None


def test_the_rule_of_two_shapes():
    data = shapes.Shapes(500)
    images, labels = data.take(np.arange(400))
    assert images.shape == (400, 64, 64, 3) and images.dtype == "uint8" and not labels.any()
    signed = images / 127.5 - 1
    whole, consistent = shapes.judge(signed)
    assert whole.all() and consistent.all()
    # Halves that have nothing to do with each other agree by chance, in 40 of 360 degrees.
    mixed = np.concatenate([signed[:, :, :32], np.roll(signed, 1, axis=0)[:, :, 32:]], axis=2)
    whole, consistent = shapes.judge(mixed)
    assert whole.all() and 0.06 < consistent.mean() < 0.17
    noise = np.random.default_rng(0).normal(0, 0.1, signed.shape)
    assert shapes.judge(signed + noise)[1].mean() > 0.99
    around = np.array([[[0, 8, 30, 13, 0.99], [0, 8, 30, 50, 0.01]]])
    assert shapes.judge(shapes.draw(around) / 127.5 - 1)[1].all()
    half = signed.copy()
    half[:, :, 32:] = 0
    assert not shapes.judge(half)[0].any()
    assert not shapes.judge(np.random.default_rng(1).uniform(-1, 1, signed.shape))[0].any()
    two = np.where(np.arange(64)[None, :, None, None] < 32, signed, -signed)  # two hues in a shape
    assert shapes.judge(two)[0].mean() < 0.9


def test_what_would_agree_by_chance():
    data = shapes.Shapes(500)
    signed = data.take(np.arange(400))[0] / 127.5 - 1
    assert abs(shapes.by_chance(signed) - 40 / 360) < 0.02
    # Who makes one hue alone agrees always; an image's own halves have no part in it.
    assert shapes.by_chance(np.repeat(signed[:1], 5, axis=0)) == 1
    kind = np.array([[0, 8, 30, 13, 0.1], [0, 8, 30, 50, 0.1]])
    apart = np.stack([kind, kind])
    apart[1, :, 4] += 0.5  # the opposite hue
    apart = shapes.draw(apart) / 127.5 - 1
    assert shapes.judge(apart)[1].all() and shapes.by_chance(apart) == 0
    three = np.concatenate([apart, apart[:1]])
    assert shapes.by_chance(three) == 2 / 6
    torn = kind.copy()
    torn[1, 4] += 0.5
    assert shapes.by_chance(shapes.draw(np.stack([torn, torn])) / 127.5 - 1) == 0
    # Without two whole images there is nothing to exchange.
    assert shapes.by_chance(np.concatenate([apart[:1], 0 * apart])) == 0


@pytest.mark.parametrize(("whole", "told"), [(4, None), (5, 1.0)])
def test_hardly_any_whole_sample_tells_nothing(whole, told, monkeypatch):
    signed = shapes.Shapes(500).take(np.arange(100))[0] / 127.5 - 1
    signed[whole:] = 0
    monkeypatch.setattr(run, "sample", lambda *_: signed)
    found = run.judged(None, recipe.find("two_shapes_sagan")(), 0, 0)
    assert found["whole"] == found["consistent"] == whole / 100
    assert found["of_whole"] == told and (found["by_chance"] is None) == (told is None)


def test_colours_are_those_of_hues():
    import colorsys

    hues = np.linspace(0, 0.99, 12)
    wanted = [np.round(255 * np.array(colorsys.hsv_to_rgb(hue, 1, 1))) for hue in hues]
    np.testing.assert_allclose(shapes._rgb(hues), wanted, atol=1)


def test_a_batch_depends_on_seed_and_step_alone():
    chosen = nets.chosen(
        size=40, d_steps=2, batch_size=8, conditional=True, flip=True, dataset="generated_grey"
    )
    title, classes, split = draws.load(chosen)
    assert (title, classes, len(split)) == ("generated", 10, 64)
    straight = list(draws.batches(split, chosen, classes, seed=3, first=0, last=6))
    later = list(draws.batches(split, chosen, classes, seed=3, first=4, last=6))
    for one, other in zip(straight[4:], later, strict=True):
        assert set(one) == {"images", "labels", "latents", "drawn_labels", "draws"}
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)
    other = draws.batch(split, chosen, classes, 4, 4)
    assert not np.array_equal(other["latents"], straight[4]["latents"])
    assert straight[0]["images"].shape == (2, 8, 40, 40, 1)
    assert straight[0]["latents"].shape == (3, 8, nets.LATENT)
    assert straight[0]["drawn_labels"].max() < 10
    # Four steps of two batches of eight are an epoch: each image once.
    seen = np.concatenate([batch["labels"].ravel() for batch in straight[:4]])
    np.testing.assert_array_equal(np.sort(seen), np.sort(split.labels))


def test_padding_keeps_the_pixels():
    chosen = nets.chosen(size=36, fit="pad", dataset="generated_grey")
    split = draws.load(chosen)[2]
    images = draws.fitted(split, np.arange(3), chosen)[0]
    np.testing.assert_array_equal(images[:, 2:-2, 2:-2], split.images[:3])
    assert images.shape == (3, 36, 36, 1) and not images[:, :2].any() and not images[:, -2:].any()
    resized = draws.fitted(split, np.arange(3), chosen.replace(fit="resize", size=16))[0]
    assert resized.shape == (3, 16, 16, 1) and resized.dtype == "uint8"


def test_a_grid_holds_all_images(tmp_path):
    from PIL import Image

    images = np.random.default_rng(0).uniform(-1, 1, (10, 4, 6, 3))
    grid.save(tmp_path / "new" / "grid.png", images)
    with Image.open(tmp_path / "new" / "grid.png") as picture:
        found = np.asarray(picture)
    assert found.shape == (8, 48, 3)
    np.testing.assert_array_equal(found[4:, 6:12], grid.to_bytes(images)[9])
    np.testing.assert_array_equal(grid.to_bytes([-1, 0, 1, 2]), [0, 128, 255, 255])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"d_steps": 0}, "d_steps must be an integer >= 1. Received: d_steps=0"),
        ({"ema": 1.0}, "ema"),
        ({"r1": -1}, "r1 must be at least 0. Received: r1=-1"),
        ({"fit": "crop"}, "fit must be one of .*Received: fit='crop'"),
        ({"precision": "mixed_float16"}, "Did you mean 'mixed_bfloat16'"),
        ({"augment": ("colour",)}, "Did you mean 'color'"),
        ({"augment": "color"}, "augment must be a tuple"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        nets.chosen(**fields).check()


def test_mistyped_names():
    with pytest.raises(TypeError, match="Did you mean 'g_rate'.*g_rte=1"):
        nets.chosen().replace(g_rte=1)
    with pytest.raises(ValueError, match="Did you mean 'cifar10_sagan'"):
        recipe.find("cifar10_sagn")
    nets.chosen().check()
    assert recipe.names() == [
        "cifar10_sagan", "cifar10_sagan_half", "fashion_mnist_sagan", "imagenet128_sagan",
        "two_shapes_sagan",
    ]  # fmt: skip


@pytest.mark.parametrize("name", recipe.names())
def test_recipes_are_sound(name):
    for quick in (False, True):
        recipe.find(name)(None, quick).check()
        assert recipe.find(name)(quick=quick).attention == "sagan"


def test_what_the_sources_say():
    studio = recipe.find("cifar10_sagan")()
    assert (studio.d_steps, studio.batch_size, studio.steps) == (5, 64, 100_000)
    assert (studio.g_rate, studio.d_rate, studio.beta_1, studio.beta_2) == (2e-4, 2e-4, 0.5, 0.999)
    half = recipe.find("cifar10_sagan_half")()
    assert (half.width, half.d_steps, half.steps) == (32, 1, 30_000)
    paper = recipe.find("imagenet128_sagan")()
    assert (half.g_rate, half.d_rate, half.beta_1) == (1e-4, 4e-4, 0) == (
        paper.g_rate, paper.d_rate, paper.beta_1,
    )  # fmt: skip
    assert (paper.batch_size, paper.steps, paper.ema) == (256, 1_000_000, 0)


def test_data_that_do_not_fit():
    with pytest.raises(ValueError, match="no labels.*conditional=True"):
        draws.load(nets.chosen(dataset="two_shapes", conditional=True))
    with pytest.raises(ValueError, match="at most the 64 training images.*batch_size=65"):
        draws.load(nets.chosen(batch_size=65))
