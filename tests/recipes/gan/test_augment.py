"""Each step of DiffAugment against loops in NumPy, with its gradient."""

import keras
import numpy as np
import pytest

from recipes.gan import augment, gradients
from tests.backends import on_torch_alone

SIDE = 8


def by_hand(image, steps, drawn):
    brightness, saturation, contrast, *places = drawn
    down, across, row, column = (int(place) for place in places)
    image = image.astype("float64")
    if "color" in steps:
        image = image + brightness - 0.5
        grey = image.mean(-1, keepdims=True)
        image = (image - grey) * 2 * saturation + grey
        image = (image - image.mean()) * (contrast + 0.5) + image.mean()
    if "translation" in steps:
        moved = np.zeros_like(image)
        for i in range(SIDE):
            for j in range(SIDE):
                if 0 <= i + down < SIDE and 0 <= j + across < SIDE:
                    moved[i, j] = image[i + down, j + across]
        image = moved
    if "cutout" in steps:
        image = image.copy()
        top, left = row - SIDE // 4, column - SIDE // 4
        image[max(0, top) : top + SIDE // 2, max(0, left) : left + SIDE // 2] = 0
    return image


@pytest.mark.parametrize(
    "steps", [("color",), ("translation",), ("cutout",), ("color", "translation", "cutout"), ()]
)
def test_against_loops(steps):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (16, SIDE, SIDE, 3)).astype("float32")
    drawn = augment.draw(rng, 16, SIDE)
    found = augment.apply(*tensors(x), steps, *tensors(drawn))
    wanted = [by_hand(image, steps, draw) for image, draw in zip(x, drawn, strict=True)]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), wanted, atol=1e-5)


def tensors(*arrays):
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def test_gradients_pass_through():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype("float32")
    weights = rng.normal(size=x.shape).astype("float32")
    drawn = augment.draw(rng, 2, SIDE)
    steps = tuple(augment.STEPS)

    def score(x):
        return keras.ops.sum(augment.apply(x, steps, *tensors(drawn)) * tensors(weights)[0])

    slope = gradients.of_input(score, *tensors(x))
    slope = np.asarray(slope.detach() if hasattr(slope, "detach") else slope)
    # All steps are linear but for a constant, so a difference of any length gives the slope.
    for place in [(0, 0, 0, 0), (0, 3, 4, 1), (1, 5, 2, 2), (1, 7, 7, 0)]:
        other = x.astype("float64")
        other[place] += 1
        pairs = zip(other, x, drawn, weights, strict=True)
        wanted = sum(
            ((by_hand(a, steps, d) - by_hand(b, steps, d)) * w).sum() for a, b, d, w in pairs
        )
        assert abs(slope[place] - wanted) < 1e-4, place


@on_torch_alone
def test_the_draws_reach_their_ends():
    drawn = augment.draw(np.random.default_rng(0), 4000, 32)
    assert drawn.shape == (4000, len(augment.COLUMNS)) and drawn.dtype == "float32"
    assert drawn[:, :3].min() >= 0 and drawn[:, :3].max() < 1
    assert (drawn[:, 3:5].min(), drawn[:, 3:5].max()) == (-4, 4)
    assert (drawn[:, 5:].min(), drawn[:, 5:].max()) == (0, 32)
