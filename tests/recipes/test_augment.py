"""Augmentation against NumPy. No backend has a part in it."""

import numpy as np
import pytest
from PIL import Image

from recipes import data
from recipes.data import augment, photometric
from recipes.data.draws import Draws
from tests.backends import on_torch_alone
from tests.recipes.test_recipes import tiny

pytestmark = on_torch_alone


def images(count=40, side=8, channels=3):
    shape = (count, side, side, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")


def draws(count=40):
    return Draws([1], count)


def test_mistakes():
    with pytest.raises(ValueError, match="Did you mean 'flip'"):
        augment.apply(None, tiny(augment=("flipp",)), [0, 0], None, None)
    with pytest.raises(ValueError, match="resized_crop must come first"):
        augment.check(tiny(augment=("flip", "resized_crop")))


def test_crop_flip_and_cutout():
    chosen, x = tiny(crop_padding=2, cutout_size=4), images()
    cropped = augment.crop(x, chosen, draws())
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    windows = [
        [(i, j) for i in range(5) for j in range(5) if (p[i : i + 8, j : j + 8] == c).all()]
        for p, c in zip(padded, cropped, strict=True)
    ]
    assert all(windows) and len({w[0] for w in windows}) > 10
    flipped = augment.flip(x, chosen, draws())
    mirrored = [(f == i[:, ::-1]).all() for f, i in zip(flipped, x, strict=True)]
    same = [(f == i).all() for f, i in zip(flipped, x, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True)) and 8 < sum(mirrored) < 32
    cut = augment.cutout(x, chosen, draws())
    hidden = (cut == np.round(255 * np.array(chosen.mean))).all(-1)
    np.testing.assert_array_equal(cut[~hidden], x[~hidden])
    assert hidden.sum((1, 2)).max() == 16 and hidden.sum((1, 2)).min() >= 4


def test_an_alternating_flip_shows_both_sides_in_two_epochs():
    split, x = data.load("generated").splits["train"], []
    chosen = tiny(augment=("alternating_flip",), batch_size=16)
    for epoch in range(4):
        shown = data.batches(split, chosen, size=32, first=epoch, last=epoch + 1, seed=3)
        places = data.order(64, 1, 3, epoch)
        unsorted = np.concatenate([batch for batch, _ in shown])
        x.append(unsorted[np.argsort(places)])
    as_is = (x[0] == split.images).all((1, 2, 3))
    assert 16 < as_is.sum() < 48
    np.testing.assert_array_equal(x[0][~as_is], split.images[~as_is, :, ::-1])
    np.testing.assert_array_equal(x[1], x[0][:, :, ::-1])
    np.testing.assert_array_equal(x[2], x[0])
    np.testing.assert_array_equal(x[3], x[1])


STEPS = [("crop", "flip", "cutout"), ("resized_crop", "erase"), ("alternating_flip", "jitter"),
         ("three_augment",), ("rand_augment",)]  # fmt: skip


@pytest.mark.parametrize("mixed", [{}, {"mixup": 0.8, "cutmix": 1.0}])
@pytest.mark.parametrize("steps", STEPS)
def test_the_parts_of_a_batch_are_those_of_the_whole(steps, mixed):
    split, opened = data.load("generated").splits["train"], []
    take = split.take

    class Watched(data.Split):
        def take(self, places, *arguments):
            opened.append(len(places))
            return take(places, *arguments)

    split = Watched(split.images, split.labels)
    chosen = tiny(augment=steps, batch_size=16, **mixed)
    span = {"size": 24, "first": 0, "last": 2, "seed": 3}
    whole = list(data.batches(split, chosen, **span))
    opened.clear()
    parts = [list(data.batches(split, chosen, part=(number, 4), **span)) for number in range(4)]
    assert set(opened) == {4} and len(opened) == (64 if mixed else 32)
    for place in (0, 1):
        joined = [
            np.concatenate([batch[place] for batch in batches])
            for batches in zip(*parts, strict=True)
        ]
        for one, other in zip(whole, joined, strict=True):
            np.testing.assert_array_equal(other, one[place])


def test_erased_rectangles():
    x = np.zeros((200, 32, 32, 1), "uint8")
    changed = augment.erase(x, tiny(erase_chance=0.5), draws(200))[..., 0] > 0
    met = changed.any((1, 2))
    assert 70 < met.sum() < 130
    rows, columns = changed.any(2).sum(1)[met], changed.any(1).sum(1)[met]
    area, ratio = rows * columns / 32**2, columns / rows
    assert 0.01 < area.min() < 0.06 < 0.25 < area.max() < 0.36
    assert 0.2 < ratio.min() < 0.6 and 1.6 < ratio.max() < 5
    assert (changed[met].sum((1, 2)) > 0.9 * rows * columns).all()
    assert not augment.erase(x, tiny(erase_chance=0.0), draws(200)).any()


def test_boxes_of_resized_crops():
    chosen = tiny(augment=("resized_crop",), crop_area=0.2, batch_size=300)
    drawn = augment.boxes(chosen, [0, 0], np.arange(300))
    found = np.array([draw((80, 60)) for draw in drawn])
    sides = found[:, 2:] - found[:, :2]
    assert found.min() == 0 and (found.max(0) <= (80, 60, 80, 60)).all()
    area, ratio = sides.prod(1) / 4800, sides[:, 0] / sides[:, 1]
    assert 0.19 < area.min() < 0.25 and 0.9 < area.max() <= 1
    assert 0.72 < ratio.min() < 0.78 and 1.28 < ratio.max() < 1.37
    draw = drawn[0]
    assert draw((900, 10)) == (443, 0, 456, 10)
    assert draw((10, 900)) == (0, 443, 10, 456)
    assert augment.boxes(tiny(), [0, 0], np.arange(3)) is None


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixtures(kind):
    x, y = images(6).astype("float32"), np.eye(6, dtype="float32")
    for step in range(10):
        mixed, targets = augment.mix(x, y, (x[::-1], y[::-1]), tiny(**{kind: 1.0}), [3, step])
        assert mixed.dtype == targets.dtype == "float32"
        share = targets[0, 0]
        np.testing.assert_allclose(targets, share * y + (1 - share) * y[::-1], rtol=1e-6)
        if kind == "mixup":
            np.testing.assert_allclose(mixed, share * x + (1 - share) * x[::-1], rtol=1e-5)
        else:
            kept = (mixed == x).all((0, 3))
            assert share == pytest.approx(kept.mean())
            np.testing.assert_array_equal(mixed[:, ~kept], x[::-1][:, ~kept])
    assert not augment.mixes(tiny())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["jitter", "three_augment", "rand_augment"])
def test_steps_by_pillow(name, channels):
    x = images(30, 16, channels)
    chosen = tiny(mean=(0.5,) * channels)
    once, again = (augment.STEPS[name](x, chosen, draws(30)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.shape == x.shape and once.dtype == "uint8" and not np.array_equal(once, x)
    if name == "jitter":
        still = augment.STEPS[name](x, tiny(jitter=0.0), draws(30))
        np.testing.assert_array_equal(still, x)


def test_three_augment_is_one_of_three():
    x = images(60, 16)
    kinds = set()
    for before, after in zip(x, photometric.three_augment(x, tiny(), draws(60)), strict=True):
        grey = (after == after[..., :1]).all()
        solarised = np.array_equal(after, np.where(before < 128, before, 255 - before))
        assert not (grey and solarised)
        kinds.add("grey" if grey else "solarised" if solarised else "blurred")
        assert grey or solarised or after.std() < before.std()
    assert len(kinds) == 3


def test_operations_of_rand_augment():
    before = images(1, 16)[0] // 2 + 40
    image, fixed = Image.fromarray(before), {"_identity", "_autocontrast", "_equalize"}
    for operation in photometric.OPERATIONS:
        for way in (-1, 1):
            strong = np.asarray(operation(image, way, 1.0, (1, 2, 3)))
            changes = operation.__name__ != "_identity"
            assert np.array_equal(strong, before) != changes and strong.shape == before.shape
            if operation.__name__ not in fixed:
                still = np.asarray(operation(image, way, 0.0, (1, 2, 3)))
                np.testing.assert_array_equal(still, before)
    moved = np.asarray(photometric.OPERATIONS[-2](image, 1, 1 / photometric.SHIFT / 4, (1, 2, 3)))
    np.testing.assert_array_equal(moved[:, :12], before[:, 4:])
    assert (moved[:, 12:] == (1, 2, 3)).all()
