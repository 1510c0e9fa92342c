"""Swin Transformers: sizes, names, windows, slots and forms of input."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import explain, layers, models
from keras_attention.models import swin

from .nets import carry_weights, outputs, pixels, without_memory

V1, V2, S3 = "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swin_s3_tiny_224"
FINE_TUNED = "swinv2_base_window12to24_192to384"

# Trainable parameters as timm counts them.
PARAMETERS = [
    (V1, 28_288_354),
    ("swin_base_patch4_window12_384", 87_903_584),
    (S3, 28_328_674),
    (V2, 28_347_154),
]

SMALL = {"width": 32, "num_classes": 3}


@pytest.fixture
def shallow(monkeypatch):
    """Two blocks a stage, which are enough to see both kinds."""
    for name, arguments in swin.VARIANTS.items():
        monkeypatch.setitem(swin.VARIANTS, name, {**arguments, "depths": (2, 2, 2, 2)})


@pytest.fixture
def short(monkeypatch):
    """Only two stages."""
    for name, arguments in swin.VARIANTS.items():
        monkeypatch.setitem(swin.VARIANTS, name, {**arguments, "depths": (2, 2)})


def stirred(name, *arguments, **options):
    """A small net whose weights have values that matter."""
    model = models.build(name, *arguments, **{**SMALL, **options})
    generator = np.random.default_rng(1)
    for weight in model.weights:
        value = ops.convert_to_numpy(weight.value)
        weight.assign(value + generator.uniform(-0.1, 0.1, value.shape).astype("float32"))
    return model


def windows_of(model):
    return {
        layer.name.removesuffix("_attention"): (layer.window_size, layer.shift)
        for layer in model.layers
        if isinstance(layer, layers.WindowAttention)
    }


@pytest.mark.parametrize(("name", "expected"), PARAMETERS)
def test_parameters(name, expected):
    with without_memory():
        model = models.build(name)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        (V1, (224, 224, 3), [(7, 7)] * 4),
        (V1, (160, 192, 3), [(7, 7), (7, 7), (7, 7), (5, 6)]),
        (V1, (30, 250, 3), [(7, 7), (4, 7), (2, 7), (1, 7)]),
        (V1, (None, 64, 3), [(7, 7), (7, 7), (7, 4), (7, 2)]),
        (S3, (224, 224, 3), [(7, 7), (7, 7), (14, 14), (7, 7)]),
        ("swinv2_tiny_window16_256", (None, None, 3), [(16, 16)] * 3 + [(8, 8)]),
        ("swinv2_tiny_window16_256", (512, 512, 3), [(16, 16)] * 4),
    ],
)
def test_a_window_is_no_larger_than_its_map(name, shape, expected):
    variant = swin.VARIANTS[name]
    assert swin.stage_windows(variant["window_size"], variant["size"], shape) == expected


def test_every_second_block_is_shifted(shallow):
    with without_memory():
        model = models.build(FINE_TUNED, **SMALL)
    found = windows_of(model)
    assert list(found) == [
        f"stage{stage}_block{block}" for stage in (1, 2, 3, 4) for block in (1, 2)
    ]
    assert list(found.values()) == [((24, 24), 0), ((24, 24), 12)] * 3 + [
        ((12, 12), 0),
        ((12, 12), 6),
    ]
    attention = [model.get_layer(f"{name}_attention") for name in found]
    assert [layer.num_heads for layer in attention] == [1, 1, 2, 2, 4, 4, 8, 8]
    assert [layer.pretrained_window for layer in attention] == [12] * 6 + [6] * 2
    assert all(layer.version == 2 and not layer.mask_padding for layer in attention)


# Published weights are found by these names: a change here breaks every saved model.
OUTSIDE = ["image", "normalize", "stem_conv", "stem_norm", "norm", "pool", "logits"]
BLOCK = ["norm1", "attention", "add1", "norm2", "mlp1", "mlp_act", "mlp2", "add2"]
MERGE = ["stack", "norm", "dense"]


@pytest.mark.parametrize("name", [V1, V2])
def test_layer_names_are_frozen(name, shallow):
    with without_memory():
        model = models.build(name, **SMALL)
    expected = list(OUTSIDE)
    for stage in (1, 2, 3, 4):
        expected += [f"stage{stage}_merge_{part}" for part in MERGE if stage > 1]
        expected += [f"stage{stage}_block{block}_{part}" for block in (1, 2) for part in BLOCK]
    assert sorted(layer.name for layer in model.layers) == sorted(expected)
    assert len({weight.path for weight in model.weights}) == len(model.weights)


@pytest.mark.parametrize("name", [V1, V2])
def test_where_norms_are(name, shallow):
    with without_memory():
        model = models.build(name, **SMALL)
    before = model.get_layer("stage2_merge_norm" if name == V2 else "stage2_merge_dense").output
    for index, last in ((1, "attention"), (2, "mlp2")):
        norm, add, branch = (
            model.get_layer(f"stage2_block1_{part}")
            for part in (f"norm{index}", f"add{index}", last)
        )
        first, end = (branch, norm) if name == V2 else (norm, branch)
        assert add.input[0] is before
        assert add.input[1] is end.output
        if name == V2 and index == 2:
            first = model.get_layer("stage2_block1_mlp1")
        assert first.input is before
        before = add.output


def test_blocks_of_version_2_start_as_the_identity(shallow):
    model = models.build(V2, features_only=True, input_shape=(32, 32, 3), **SMALL)
    inside = keras.Model(model.input, [model.get_layer("stem_norm").output, model.output["stage1"]])
    start, end = outputs(inside, pixels((1, 32, 32, 3)))
    assert start.std() > 0.1
    np.testing.assert_array_equal(start, end)


def test_pixels_of_a_patch_are_stacked_by_column():
    x = np.arange(3 * 4 * 2, dtype="float32").reshape(1, 3, 4, 2)
    expected = np.zeros((1, 2, 2, 8), "float32")
    full = np.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)))
    for row, column in np.ndindex(2, 2):
        patch = full[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        expected[0, row, column] = [*patch[0, 0], *patch[1, 0], *patch[0, 1], *patch[1, 1]]
    layer = swin.StackPatches()
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(found, expected)
    assert layer.compute_output_shape(x.shape) == found.shape


@pytest.mark.parametrize("name", [V1, FINE_TUNED])
def test_channels_first_gives_the_same_logits(name, short):
    x = pixels((2, 44, 64, 3))
    last = stirred(name, input_shape=(44, 64, 3))
    keras.config.set_image_data_format("channels_first")
    first = models.build(name, input_shape=(3, 44, 64), **SMALL)
    carry_weights(last, first)
    expected, received = outputs(last, x), outputs(first, np.moveaxis(x, -1, 1))
    assert expected.std() > 0
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", [V1, V2])
def test_one_net_takes_images_of_any_size(name, short):
    """Of 70 x 45 pixels, and with the windows of that size."""
    options = {"window_size": (4, 2)}
    model = stirred(name, input_shape=(None, None, 3), **options)
    fixed = models.build(name, input_shape=(70, 45, 3), **SMALL, **options)
    assert windows_of(model) == windows_of(fixed)
    carry_weights(model, fixed)
    x = pixels((2, 70, 45, 3))
    expected = outputs(fixed, x)
    assert expected.std() > 0
    np.testing.assert_allclose(outputs(model, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [V1, V2])
def test_levels_are_what_stages_end_with(name, shallow):
    options = {**SMALL, "input_shape": (66, 48, 3)}
    model = stirred(name, features_only=True, **options)
    maps = outputs(model, pixels((2, 66, 48, 3)))
    sizes = [(16, 12, 32), (8, 6, 64), (4, 3, 128), (2, 2, 256)]
    assert {level: x.shape[1:] for level, x in maps.items()} == {
        f"stage{stage}": size for stage, size in enumerate(sizes, start=1)
    }
    assert all(x.std() > 0 for x in maps.values())
    ends = {f"stage{stage}_block2_add2" for stage in (1, 2, 3, 4)}
    assert {operation.name for operation in model._operations} >= ends
    assert "norm" not in [layer.name for layer in model.layers]


def test_other_attention(shallow):
    mixers = [{"type": "mhsa", "num_heads": 2}, "window", None, ["window", "cbam"]]
    with without_memory():
        model = models.build(V1, mixers, input_shape=(64, 64, 3), window_size=2, **SMALL)
    names = [layer.name for layer in model.layers]
    kinds = {
        name.removesuffix("_attention"): type(model.get_layer(name)).__name__
        for name in names
        if name.endswith("_attention")
    }
    assert kinds == {
        "stage1_block1": "MultiHeadSelfAttention",
        "stage1_block2": "MultiHeadSelfAttention",
        "stage2_block1": "WindowAttention",
        "stage2_block2": "WindowAttention",
        "stage4_block1": "WindowAttention",
        "stage4_block2": "CBAM",
    }
    assert windows_of(model)["stage2_block2"] == ((2, 2), 1)
    assert "stage3_block1_norm1" not in names
    assert "stage3_block1_norm2" in names


@pytest.mark.parametrize("kind", ["window", "swin", layers.WindowAttention])
def test_a_window_is_that_of_its_place_but_for_what_its_spec_says(shallow, kind):
    with without_memory():
        model = models.build(FINE_TUNED, {"type": kind, "window_size": 4}, **SMALL)
    layer = model.get_layer("stage3_block2_attention")
    assert (layer.window_size, layer.shift, layer.num_heads, layer.version) == (4, 2, 4, 1)


def test_no_attention(shallow):
    with without_memory():
        model = models.build(V2, "none", **SMALL)
    assert not [layer for layer in model.layers if layer.name.endswith(("_attention", "_norm1"))]


def test_attention_maps(short):
    model = stirred(V1, input_shape=(32, 16, 3), window_size=4)
    maps = explain.attention_maps(model, pixels((1, 32, 16, 3)))
    assert [one.kind for one in maps.values()] == ["pairwise"] * 4
    seen = maps["stage1_block2_attention"].array.reshape(8, 4, 8, 4) > 0
    row_parts = np.array([0, 0, 1, 1, 1, 1, 2, 2])  # shifted by half a window, columns are not
    assert np.array_equal(seen[:, 0, :, 3], row_parts[:, None] == row_parts[None, :])
    last = maps["stage2_block2_attention"].array
    assert last.shape == (1, 2, 8, 8)
    np.testing.assert_allclose(last.sum(-1), 1, rtol=1e-5)


def test_saved_and_loaded(tmp_path, short):
    model = stirred(V2, input_shape=(44, 32, 3))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert windows_of(again) == windows_of(model)
    x = pixels((1, 44, 32, 3))
    np.testing.assert_allclose(outputs(again, x), outputs(model, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "swin: width must be an integer >= 1. Received: width=0"),
        ({"width": 40}, "swin: width must be a multiple of 32, .* Received: width=40"),
        ({"window_size": 0}, "swin: window_size must be an integer >= 1. Received: window_size=0"),
        ({"window_size": (7, 7)}, r"one for each of 4 stages. Received: window_size=\(7, 7\)"),
        ({"depths": (1, 1, 1, 1)}, "no option 'depths'.*Known: width, window_size"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        models.build(V1, **options)
