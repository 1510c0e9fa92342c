"""Pictures of attention, pixel by pixel where that can be known."""

import builtins
import io

import numpy as np
import pytest

from keras_attention import explain
from keras_attention.explain.plot import COLOURS

DARKEST, BRIGHTEST = COLOURS[0], COLOURS[-1]


def photo(height=6, width=8):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), "uint8")


def test_alpha_says_how_much_of_each():
    image, heat = photo(), np.arange(48.0).reshape(6, 8)
    np.testing.assert_array_equal(explain.overlay(image, heat, alpha=0), image)
    colours = explain.overlay(image, heat, alpha=1)
    np.testing.assert_array_equal(colours, explain.overlay(255 - image, heat, alpha=1))
    half = explain.overlay(image, heat)
    expected = np.rint((image.astype(float) + colours) / 2)
    assert np.abs(half - expected).max() <= 1  # `colours` is rounded
    assert half.dtype == np.uint8


def test_the_range_of_the_map_is_the_range_of_the_colours():
    heat = np.array([[-3.0, -1.0], [1.0, 5.0]])
    colours = explain.overlay(np.zeros((2, 2, 3)), heat, alpha=1)
    np.testing.assert_array_equal(colours[0, 0], DARKEST)
    np.testing.assert_array_equal(colours[0, 1], COLOURS[1])  # a quarter of the way
    np.testing.assert_array_equal(colours[1, 0], COLOURS[2])  # half of it
    np.testing.assert_array_equal(colours[1, 1], BRIGHTEST)


def test_colours_between_the_steps_are_mixed():
    heat = np.array([[0.0, 1.0, 8.0]])
    colours = explain.overlay(np.zeros((1, 3, 3)), heat, alpha=1)
    expected = np.add(COLOURS[0], COLOURS[1]) / 2
    assert np.abs(colours[0, 1] - expected).max() <= 0.5


def test_colours_grow_lighter():
    lightness = np.dot(COLOURS, [0.299, 0.587, 0.114])
    assert (np.diff(lightness) > 20).all()


def test_the_map_is_scaled_bilinearly():
    """Two columns over eight: flat to the centre of the outer ones, a straight line between."""
    heat = np.array([[0.0, 1.0], [0.0, 1.0]])
    colours = explain.overlay(np.zeros((4, 8, 3)), heat, alpha=1)
    level = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)
    stops = np.linspace(0, 1, len(COLOURS))
    for channel in range(3):
        expected = np.interp(level, stops, np.array(COLOURS)[:, channel])
        for row in range(4):
            assert np.abs(colours[row, :, channel] - expected).max() <= 1
    np.testing.assert_array_equal(colours[:, 0], [DARKEST] * 4)
    np.testing.assert_array_equal(colours[:, -1], [BRIGHTEST] * 4)


def test_rows_stay_rows():
    heat = np.zeros((3, 2))
    heat[0] = 1
    colours = explain.overlay(np.zeros((9, 4, 3)), heat, alpha=1)
    np.testing.assert_array_equal(colours[0], [BRIGHTEST] * 4)
    np.testing.assert_array_equal(colours[-1], [DARKEST] * 4)


@pytest.mark.parametrize("value", [0.0, 0.5, -7.0, 1e30])
def test_a_constant_map_is_dark(value):
    colours = explain.overlay(photo(), np.full((2, 2), value), alpha=1)
    assert (colours == DARKEST).all()


def test_nothing_is_written_into_the_arguments():
    image, heat = photo().astype("float32"), np.arange(4.0).reshape(2, 2)
    kept = image.copy(), heat.copy()
    explain.overlay(image, heat)
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(heat, kept[1])


HEAT = np.eye(2)


@pytest.mark.parametrize(
    ("image", "heat", "alpha", "message"),
    [
        (photo()[..., 0], HEAT, 0.5, r"image must be .* \(height, width, 3\).*shape=\(6, 8\)"),
        (photo()[None], HEAT, 0.5, r"image must be .*shape=\(1, 6, 8, 3\)"),
        (photo().transpose(2, 0, 1), HEAT, 0.5, r"image must be .*shape=\(3, 6, 8\)"),
        (photo()[:0], HEAT, 0.5, r"image must be .*shape=\(0, 8, 3\)"),
        (photo().astype(str), HEAT, 0.5, "image must be numbers"),
        (photo() * 2.0, HEAT, 0.5, "image must be in 0..255. Received"),
        (photo() - 200.0, HEAT, 0.5, "image must be in 0..255. Received"),
        (photo() * np.nan, HEAT, 0.5, "image must be in 0..255. Received"),
        (photo(), HEAT[None], 0.5, r"heat map .* \(rows, columns\).*shape=\(1, 2, 2\)"),
        (photo(), HEAT[:0], 0.5, r"heat map .*shape=\(0, 2\)"),
        (photo(), HEAT * np.nan, 0.5, "heat map must be finite"),
        (photo(), np.full((2, 2), np.inf), 0.5, "heat map must be finite"),
        (photo(), HEAT, 1.5, "alpha must be in 0..1. Received: alpha=1.5"),
        (photo(), HEAT, -0.1, "alpha must be in 0..1. Received: alpha=-0.1"),
    ],
)
def test_overlay_refuses(image, heat, alpha, message):
    with pytest.raises(ValueError, match=message):
        explain.overlay(image, heat, alpha)


def spatial(*heats):
    return explain.AttentionMap("spatial", np.array(heats, "float32"))


RAMP, STEP = np.arange(16.0).reshape(4, 4) / 20, np.eye(2) / 2
MAPS = {
    "stage1_block1_attention/channel": explain.AttentionMap("channel", np.ones((1, 8), "float32")),
    "stage1_block1_attention/spatial": spatial(RAMP),
    "stage1_block2_attention/spatial": spatial(RAMP.T),
    "stage2_block1_attention/spatial": spatial(STEP),
    "gate": spatial(np.full((3, 3), 0.5)),
}


@pytest.fixture
def needs_matplotlib():
    pytest.importorskip("matplotlib", reason="figure draws with matplotlib, an optional package")


def panels_of(canvas):
    """Axes of the panels, photo first, and of the bars below all but the photo."""
    axes = canvas.axes
    return [a for a in axes if a.get_title()], [a for a in axes if not a.get_title()]


@pytest.mark.usefixtures("needs_matplotlib")
def test_a_panel_for_the_photo_and_for_each_stage():
    canvas = explain.figure(photo(), MAPS, title="resnet18_cbam: a cat")
    panels, bars = panels_of(canvas)
    assert [panel.get_title() for panel in panels] == [
        "photo",
        "stage 1: mean of 2 blocks, 4x4",
        "stage 2: 1 block, 2x2",
        "gate: 1 block, 3x3",
    ]
    assert canvas.get_suptitle() == "resnet18_cbam: a cat"
    ranges = [[label.get_text() for label in bar.get_xticklabels()] for bar in bars]
    assert ranges == [["0", "0.75"], ["0", "0.5"], []]
    assert [bar.get_xlabel() for bar in bars] == [
        "attention weight",
        "attention weight",
        "attention weight 0.5 everywhere",
    ]


@pytest.mark.usefixtures("needs_matplotlib")
def test_panels_show_the_photo_and_the_mean_of_each_stage():
    panels, bars = panels_of(explain.figure(photo(), MAPS))
    shown = [panel.images[0].get_array() for panel in panels]
    np.testing.assert_array_equal(shown[0], photo())
    grey = np.repeat(photo().mean(-1, keepdims=True), 3, axis=-1)
    heats = [(RAMP + RAMP.T) / 2, STEP, np.full((3, 3), 0.5)]
    for picture, heat in zip(shown[1:], heats, strict=True):
        difference = np.abs(picture.astype(int) - explain.overlay(grey, heat, alpha=0.65))
        assert difference.max() <= 1
    ramp = bars[0].images[0].get_array()
    np.testing.assert_array_equal(ramp[0, [0, -1]], [DARKEST, BRIGHTEST])


@pytest.mark.usefixtures("needs_matplotlib")
def test_blocks_of_different_sizes_are_averaged_at_the_largest():
    maps = {"stage1_a": spatial(np.ones((2, 2))), "stage1_b": spatial(np.zeros((4, 4)))}
    panels, bars = panels_of(explain.figure(photo(), maps))
    assert panels[1].get_title() == "stage 1: mean of 2 blocks, 4x4"
    assert bars[0].get_xlabel() == "attention weight 0.5 everywhere"


@pytest.mark.usefixtures("needs_matplotlib")
def test_stages_of_nested_models_are_kept_apart():
    maps = {"left/stage1_a": spatial(RAMP), "right/stage1_a": spatial(STEP)}
    titles = [panel.get_title() for panel in panels_of(explain.figure(photo(), maps))[0]]
    assert titles[1:] == ["left/stage 1: 1 block, 4x4", "right/stage 1: 1 block, 2x2"]


@pytest.mark.usefixtures("needs_matplotlib")
@pytest.mark.parametrize("class_token", [False, True])
def test_what_pools_tokens_is_drawn_in_the_grid_of_the_image(class_token):
    """Six by eight pixels, three by four tokens, two heads; the class token leads."""
    heads = np.random.default_rng(0).random((2, 12)).astype("float32")
    weights = np.pad(heads, ((0, 0), (1, 0)), constant_values=9) if class_token else heads
    pool = explain.AttentionMap("pool", weights[None])
    pairwise = explain.AttentionMap("pairwise", np.ones((1, 2, 12, 12), "float32"))
    canvas = explain.figure(photo(), {"block1_attention": pairwise, "pool": pool})
    panels, bars = panels_of(canvas)
    assert [panel.get_title() for panel in panels] == ["photo", "pool: 1 block, 3x4"]
    grey = np.repeat(photo().mean(-1, keepdims=True), 3, axis=-1)
    expected = explain.overlay(grey, heads.mean(0).reshape(3, 4), alpha=0.65)
    assert np.abs(panels[1].images[0].get_array().astype(int) - expected).max() <= 1
    low, high = (label.get_text() for label in bars[0].get_xticklabels())
    assert float(low) < float(high) < 1


@pytest.mark.usefixtures("needs_matplotlib")
@pytest.mark.usefixtures("needs_matplotlib")
@pytest.mark.parametrize(("height", "tokens"), [(6, 64), (32, 9)])
def test_tokens_of_no_such_grid_are_told(height, tokens):
    """At 6x8 pixels seven rows of nine are 63; at 32x8 six rows of one and a half are 9."""
    pool = {"pool": explain.AttentionMap("pool", np.ones((1, 1, tokens)))}
    with pytest.raises(ValueError, match=f"'pool' has {tokens} .*an image of {height}x8"):
        explain.figure(photo(height), pool)


@pytest.mark.usefixtures("needs_matplotlib")
def test_the_caller_saves_it():
    canvas, file = explain.figure(photo(1200, 900), MAPS), io.BytesIO()
    assert canvas.canvas.manager is None  # no window and no list of open figures
    assert panels_of(canvas)[0][0].images[0].get_array().shape == (512, 384, 3)
    canvas.savefig(file, format="png", dpi=60)
    assert file.getvalue().startswith(b"\x89PNG")
    assert len(file.getvalue()) > 10_000


@pytest.mark.usefixtures("needs_matplotlib")
@pytest.mark.parametrize(
    ("image", "maps", "message"),
    [
        (photo(), {"a": spatial(STEP, STEP)}, "the maps of one image. Received: 'a' of 2"),
        (photo(), {"a": MAPS["stage1_block1_attention/channel"]}, r"of the kinds \['channel'\]"),
        (photo(), {}, r"Received: maps of the kinds \[\]"),
        (photo()[None], MAPS, "image must be"),
    ],
)
def test_figure_refuses(image, maps, message):
    with pytest.raises(ValueError, match=message):
        explain.figure(image, maps)


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "keras-attention-zoo\[explain\]"'):
        explain.figure(photo(), MAPS)
    assert explain.overlay(photo(), HEAT).shape == (6, 8, 3)
