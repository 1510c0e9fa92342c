import keras
import numpy as np
import pytest

from keras_attention import explain, layers, models
from keras_attention.explain import AttentionMap
from tests.backends import on_torch_alone


def pairwise(queries, keys, heads=1):
    """A map whose weight from query q to key k of head h is 100 h + 10 q + k."""
    h, q, k = np.ogrid[:heads, :queries, :keys]
    return AttentionMap("pairwise", (100.0 * h + 10 * q + k)[None].astype("float32"))


def test_a_pixel_takes_the_row_of_its_cell():
    found = explain.query_maps(pairwise(16, 4), [(0, 0), (7, 9), (31, 31)], (32, 32))
    # Cells are 8 pixels wide: (7, 9) lies in row 0, column 1.
    expected = [10 * q + np.arange(4).reshape(2, 2) for q in (0, 1, 15)]
    np.testing.assert_array_equal(found, expected)


def test_heads_are_averaged_and_extra_tokens_left_out():
    found = explain.query_maps(pairwise(5, 5, heads=3), [(0, 5)], (6, 6), extra=1)
    # Query 2 is the second of the image, after one extra; keys 1 to 4; heads add 0, 100 and 200.
    np.testing.assert_array_equal(found, [[[121, 122], [123, 124]]])


def test_an_oblong_grid():
    found = explain.query_maps(pairwise(8, 8), [(3, 6)], (4, 8), grid=(2, 4))
    np.testing.assert_array_equal(found[0], 70 + np.arange(8).reshape(2, 4))


def test_of_a_layer_that_looks_for_its_own_colour():
    """The query's map is bright where the image is as at the pixel."""
    layer = layers.get({"type": "sagan", "key_reduction": 1, "pool": False, "spectral_norm": False})
    x = np.zeros((1, 4, 4, 8), "float32")
    x[0, :2, :, 0] = x[0, 2:, :, 1] = 5
    image = keras.Input((4, 4, 8))
    model = keras.Model(image, layer(image))
    layer.query.kernel.assign(np.eye(8))
    layer.key.kernel.assign(np.eye(8))
    (attention,) = explain.attention_maps(model, x).values()
    top, bottom = explain.query_maps(attention, [(0, 3), (3, 0)], (4, 4))
    np.testing.assert_allclose(top, np.repeat([1 / 8, 0], 2)[:, None] * np.ones(4), atol=1e-6)
    np.testing.assert_allclose(bottom, top[::-1], atol=1e-6)


@pytest.mark.parametrize(
    "attention, options, message",
    [
        (AttentionMap("spatial", np.zeros((1, 4, 4))), {}, "Received: kind='spatial'"),
        (AttentionMap("pairwise", np.zeros((2, 1, 16, 4))), {}, r"shape=\(2, 1, 16, 4\)"),
        (pairwise(17, 17), {}, "extra=1 where there is a class token"),
        (pairwise(16, 4), {"grid": (3, 4)}, r"Received: grid=\(3, 4\)"),
        (pairwise(16, 5), {}, "5 keys are no part of a grid of 4x4"),
        (pairwise(16, 0), {}, "0 keys"),
        (pairwise(16, 4), {"pixels": [(0, 8)]}, r"Received: pixels=\[\(0, 8\)\]"),
        (pairwise(16, 4), {"pixels": [(-1, 0)]}, "must lie in an image of 8x8"),
    ],
)
def test_bad_input(attention, options, message):
    pixels = options.pop("pixels", [(0, 0)])
    with pytest.raises(ValueError, match=message):
        explain.query_maps(attention, pixels, (8, 8), **options)


@on_torch_alone
def test_the_figure_of_a_generator(tmp_path):
    generator = models.build_generator("sagan32", width=2, latent=4, channels=1)
    image = models.sample(generator, 1, seed=0)[0]
    maps = explain.attention_maps(generator, np.ones((1, 4), "float32"))
    figure = explain.query_figure(image, maps["block2_attention"], [(4, 4), (20, 28)])
    assert len(figure.axes) == 3
    marked = [line.get_xydata()[0].tolist() for line in figure.axes[0].lines]
    assert marked == [[4, 4], [28, 20]]  # x is the column
    figure.savefig(tmp_path / "queries.png")
    with pytest.raises(ValueError, match="one to 6 pixels. Received: 7"):
        explain.query_figure(image, maps["block2_attention"], [(0, 0)] * 7)
