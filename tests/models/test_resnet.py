"""ResNets against other libraries' ones, and against their published sizes."""

import math
import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models
from tests.torch_oracles import core, gates
from tests.torch_oracles import resnet as carry

from .nets import carry_weights, outline, outputs, pixels

SMALL = {"stem": "small", "width": 32, "num_classes": 10}

# Trainable parameters. Plain and SE nets: torchvision and timm count the same; CBAM: pytorchcv.
PARAMETERS = [
    ("resnet18", None, {}, 11_689_512),
    ("resnet50", None, {}, 25_557_032),
    ("resnet101", None, {}, 44_549_160),
    ("resnet18", "se", {}, 11_778_592),
    ("resnet50", "se", {}, 28_088_024),
    ("resnet18", "cbam", {}, 11_779_392),
    ("resnet34", "cbam", {}, 21_960_468),
    ("resnet50", "cbam", {}, 28_089_624),
    ("resnet101", "cbam", {}, 49_330_172),
    ("resnet152", "cbam", {}, 66_826_848),
    ("resnet20", None, {"num_classes": 10}, 269_722),
    ("resnet18", None, SMALL, 2_797_610),
    ("resnet18", "se", SMALL, 2_797_610 + 22_780),
    ("resnet18", "cbam", SMALL, 2_797_610 + 23_580),
    ("resnet18", "eca", SMALL, 2_797_610 + 32),
]


@pytest.mark.parametrize(("name", "attention", "options", "expected"), PARAMETERS)
def test_parameters(name, attention, options, expected):
    model = outline(name, attention, **options)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected


def pictures(size):
    """Coarse squares under noise, one faint and one strong: no two logits should agree."""
    generator = np.random.default_rng(0)
    squares = generator.normal(size=(2, 7, 7, 3)).repeat(size // 7, 1).repeat(size // 7, 2)
    x = squares + 0.3 * generator.normal(size=(2, size, size, 3))
    return (x * np.array([0.5, 2.0])[:, None, None, None]).astype("float32")


def cbam_resnet50():
    return core.import_oracle("pytorchcv.models.cbamresnet").cbam_resnet50()


def seresnet50():
    return core.import_oracle("timm").create_model("seresnet50", pretrained=False)


@pytest.mark.parametrize(
    ("make", "attention", "paths", "copy_attention"),
    [
        (cbam_resnet50, "cbam", carry.PYTORCHCV_RESNET, gates.copy_cbam),
        (seresnet50, "se", carry.TIMM_RESNET, gates.copy_se),
    ],
)
def test_logits_match(make, attention, paths, copy_attention):
    source, x = core.seeded(make), pictures(224)
    core.randomize(source)
    expected = core.run(source, x)
    # Logits that barely depend on the image would agree whatever the layers did.
    assert 0.1 < expected.std() < 10
    assert np.abs(expected[0] - expected[1]).max() > 0.05
    model = models.build("resnet50", attention, include_preprocessing=False)
    carry.copy_resnet(source, model, paths, copy_attention)
    received = outputs(model, x)
    error = np.abs(received - expected).max() / np.abs(expected).max()
    assert error <= 1e-4


@pytest.mark.parametrize(
    ("name", "options", "sizes"),
    [
        ("resnet20", {}, [(32, 16), (16, 32), (8, 64)]),
        ("resnet18", {"stem": "small", "width": 8}, [(32, 8), (16, 16), (8, 32), (4, 64)]),
        ("resnet50", {"width": 4}, [(8, 16), (4, 32), (2, 64), (1, 128)]),
    ],
)
def test_maps_halve_and_channels_double(name, options, sizes):
    model = models.build(name, num_classes=10, input_shape=(32, 32, 3), **options)
    assert outputs(model, np.zeros((2, 32, 32, 3), "uint8")).shape == (2, 10)
    last = [layer for layer in model.layers if layer.name.endswith("_out")]
    ends = {layer.name.partition("_")[0]: layer.output.shape[1:] for layer in last}
    assert list(ends.values()) == [(side, side, channels) for side, channels in sizes]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pad_shortcut_is_option_a(data_format):
    keras.config.set_image_data_format(data_format)
    shape = (16, 16, 3) if data_format == "channels_last" else (3, 16, 16)
    model = models.build("resnet20", num_classes=2, input_shape=shape)
    names = ("stage1_block3_out", "stage2_block1_shortcut_pad")
    inside = keras.Model(model.input, [model.get_layer(name).output for name in names])
    before, after = outputs(inside, pixels((2, *shape)))
    axis = 3 if data_format == "channels_last" else 1
    sampled = before[:, ::2, ::2] if axis == 3 else before[:, :, ::2, ::2]
    assert np.ptp(sampled) > 0
    np.testing.assert_array_equal(
        after, np.concatenate([sampled, np.zeros_like(sampled)], axis=axis)
    )


def test_pad_channels_keeps_its_layout_when_saved(tmp_path):
    keras.config.set_image_data_format("channels_first")
    model = models.build("resnet20", num_classes=2, input_shape=(3, 8, 8))
    model.save(tmp_path / "model.keras")
    keras.config.set_image_data_format("channels_last")
    pad = keras.saving.load_model(tmp_path / "model.keras").get_layer("stage2_block1_shortcut_pad")
    assert pad.get_config().items() >= {"filters": 32, "data_format": "channels_first"}.items()
    assert pad(np.ones((1, 16, 4, 4), "float32")).shape == (1, 32, 4, 4)


@pytest.mark.parametrize(("name", "last"), [("resnet18", 2), ("resnet50", 3)])
def test_attention_is_after_the_last_norm_and_before_the_sum(name, last):
    model = outline(name, "eca", width=4, stem="small", input_shape=(16, 16, 3))
    blocks = [layer.name.removesuffix("_add") for layer in model.layers if "_add" in layer.name]
    assert len(blocks) == sum({"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}[name])
    before = model.get_layer("stem_act")
    for block in blocks:
        gate, add = model.get_layer(f"{block}_attention"), model.get_layer(f"{block}_add")
        assert isinstance(gate, layers.EfficientChannelAttention)
        assert gate.input is model.get_layer(f"{block}_norm{last}").output
        changes = f"{block}_shortcut_norm" in [layer.name for layer in model.layers]
        carried = model.get_layer(f"{block}_shortcut_norm") if changes else before
        assert add.input[0] is carried.output
        assert add.input[1] is gate.output
        before = model.get_layer(f"{block}_out")
        assert before.input is add.output


# Published weights are found by these names: a change here breaks every saved model.
OUTSIDE = ["image", "normalize", "stem_conv", "stem_norm", "stem_act"]
BASIC = ["conv1", "norm1", "act1", "conv2", "norm2", "attention", "add", "out"]
BOTTLENECK = [*BASIC[:3], "conv2", "norm2", "act2", "conv3", "norm3", *BASIC[5:]]
PROJECTION = ["shortcut_conv", "shortcut_norm"]
PADDING = ["shortcut_stride", "shortcut_pad"]
NAMES = [
    ("resnet18", {"stem": "small"}, (2, 2, 2, 2), BASIC, ["pad1"], PROJECTION),
    ("resnet50", {"stem": "small"}, (3, 4, 6, 3), BOTTLENECK, ["pad2"], PROJECTION),
    ("resnet20", {}, (3, 3, 3), BASIC, ["pad1"], PADDING),
]


@pytest.mark.parametrize(("name", "options", "depths", "block", "strided", "shortcut"), NAMES)
def test_layer_names_are_frozen(name, options, depths, block, strided, shortcut):
    model = outline(name, "se", width=16, input_shape=(16, 16, 3), num_classes=3, **options)
    expected = [*OUTSIDE, "pool", "logits"]
    for stage, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            parts = list(block)
            if number == 1 and stage > 1:
                parts += strided + shortcut
            elif number == 1 and block is BOTTLENECK:
                parts += shortcut
            expected += [f"stage{stage}_block{number}_{part}" for part in parts]
    assert sorted(layer.name for layer in model.layers) == sorted(expected)


def test_names_of_the_imagenet_stem_are_frozen():
    model = outline("resnet18", width=4, input_shape=(32, 32, 3))
    stem = [layer.name for layer in model.layers if layer.name.startswith("stem")]
    assert stem == ["stem_pad", "stem_conv", "stem_norm", "stem_act", "stem_pool_pad", "stem_pool"]


def test_weight_paths_do_not_depend_on_what_was_built_before():
    def paths():
        model = models.build("resnet18", "cbam", width=16, input_shape=(32, 32, 3))
        return [weight.path for weight in model.weights]

    first = paths()
    assert first == paths()
    assert not [path for path in first if re.search(r"_\d+(/|$)", path)]
    assert len(set(first)) == len(first)
    assert [path for path in first if path.startswith("stage2_block1_attention/")] == [
        "stage2_block1_attention/channel_gate/squeeze/kernel",
        "stage2_block1_attention/channel_gate/squeeze/bias",
        "stage2_block1_attention/channel_gate/excite/kernel",
        "stage2_block1_attention/channel_gate/excite/bias",
        "stage2_block1_attention/spatial_gate/conv/kernel",
        "stage2_block1_attention/spatial_gate/norm/gamma",
        "stage2_block1_attention/spatial_gate/norm/beta",
        "stage2_block1_attention/spatial_gate/norm/moving_mean",
        "stage2_block1_attention/spatial_gate/norm/moving_variance",
    ]


def shake(model):
    """Give every weight of a model values that matter to its output."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        value = ops.convert_to_numpy(weight.value)
        weight.assign(value + generator.uniform(-0.1, 0.1, value.shape).astype("float32"))


@pytest.mark.parametrize(
    ("name", "attention"), [("resnet18", "cbam"), ("resnet20", ["se", "eca", "cbam"])]
)
def test_channels_first_gives_the_same_logits(name, attention):
    options = {"width": 16, "num_classes": 5}
    x = pixels((2, 32, 32, 3))
    last = models.build(name, attention, input_shape=(32, 32, 3), **options)
    shake(last)
    keras.config.set_image_data_format("channels_first")
    first = models.build(name, attention, input_shape=(3, 32, 32), **options)
    carry_weights(last, first)
    expected, received = outputs(last, x), outputs(first, np.moveaxis(x, -1, 1))
    assert expected.std() > 0
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


def test_logits_are_float32_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_float16")
    model = outline("resnet18", "cbam", width=16, num_classes=3, input_shape=(32, 32, 3))
    assert model.get_layer("normalize").compute_dtype == "float32"
    assert model.get_layer("stage4_block2_attention").compute_dtype == "float16"
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "resnet: width must be an integer >= 1. Received: width=0"),
        ({"stem": "large"}, r"stem must be one of \['imagenet', 'small', .*Received: stem='large'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        models.build("resnet18", **options)
