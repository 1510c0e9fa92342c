"""The variants of residual networks: what they are made of, without other libraries."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models
from keras_attention.models import resnet
from keras_attention.models.blur import Blur

from .nets import carry_weights, outline, outputs, pixels, without_memory

# Trainable parameters, counted by timm.
PARAMETERS = [
    ("resnet26t", 16_011_872),
    ("ecaresnet26t", 16_011_916),
    ("seresnext50_32x4d", 27_559_896),
    ("resnetrs50", 35_691_912),
    ("skresnet18", 11_958_056),
    ("resnest14d", 10_611_688),
    ("resnest50d", 27_483_240),
]
SMALL = {"width": 32, "num_classes": 4, "input_shape": (32, 32, 3)}
# Each thing that a variant can have, in small nets.
FEATURES = [
    "test_resnet",
    "resnet10t",
    "ecaresnetlight",
    "seresnext26t_32x4d",
    "senet154",
    "resnetrs50",
    "resnetaa34d",
    "resnetblur18",
    "skresnet18",
    "resnest14d",
]


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    """One block a stage, which costs less to compile."""
    for name in FEATURES:
        arguments = resnet.VARIANTS[name]
        monkeypatch.setitem(resnet.VARIANTS, name, {**arguments, "depths": (1, 1, 1, 1)})


@pytest.mark.parametrize(("name", "expected"), PARAMETERS)
def test_parameters(name, expected, monkeypatch):
    monkeypatch.undo()
    with without_memory():
        model = models.build(name)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected


def stirred(name, *arguments, **options):
    """A small net whose weights and statistics have values that matter."""
    model = models.build(name, *arguments, **{**SMALL, **options})
    generator = np.random.default_rng(1)
    for weight in model.weights:
        value = ops.convert_to_numpy(weight.value)
        weight.assign(value + generator.uniform(-0.1, 0.1, value.shape).astype("float32"))
    return model


@pytest.mark.parametrize("name", FEATURES)
def test_channels_first_gives_the_same_logits(name):
    x = pixels((2, 32, 32, 3))
    last = stirred(name)
    keras.config.set_image_data_format("channels_first")
    first = models.build(name, **{**SMALL, "input_shape": (3, 32, 32)})
    carry_weights(last, first)
    expected, received = outputs(last, x), outputs(first, np.moveaxis(x, -1, 1))
    assert expected.std() > 0
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["test_resnet", "resnetblur18", "skresnet18", "resnest14d"])
def test_one_net_takes_images_of_any_size(name):
    model = stirred(name, input_shape=(None, None, 3))
    fixed = models.build(name, **{**SMALL, "input_shape": (33, 70, 3)})
    carry_weights(model, fixed)
    x = pixels((2, 33, 70, 3))
    expected = outputs(fixed, x)
    assert expected.std() > 0
    np.testing.assert_allclose(outputs(model, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FEATURES)
def test_levels_halve(name):
    model = models.build(name, features_only=True, **SMALL)
    maps = outputs(model, pixels((2, 32, 32, 3)))
    assert list(maps) == ["stage1", "stage2", "stage3", "stage4"]
    assert [x.shape[1:3] for x in maps.values()] == [(8, 8), (4, 4), (2, 2), (1, 1)]
    assert all(x.min() >= 0 and x.std() > 0 for x in maps.values())


def test_chosen_levels():
    model = outline("resnet18", features_only=True, levels=["stage4", "stage2"], **SMALL)
    assert list(model.output) == ["stage2", "stage4"]
    with pytest.raises(ValueError, match=r"resnet18 has no level 'stage5'.*Known: stage1, "):
        models.build("resnet18", features_only=True, levels=["stage5"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("seresnext26t_32x4d", layers.SqueezeExcite),
        ("ecaresnetlight", layers.EfficientChannelAttention),
    ],
)
def test_own_attention_can_be_replaced_and_removed(name, kind):
    def gates(attention):
        model = outline(name, attention, **SMALL)
        return [type(layer) for layer in model.layers if layer.name.endswith("_attention")]

    own = gates(None)
    assert set(own) == {kind}
    assert gates("cbam") == [layers.CBAM] * len(own)
    assert gates({"stage3": "cbam"}) != own
    assert gates("none") == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("skresnet18", layers.SelectiveKernel), ("resnest14d", layers.SplitAttention)],
)
def test_mixers_stand_beside_gates(name, kind):
    model = outline(name, "eca", **SMALL)
    mixers = [layer for layer in model.layers if layer.name.endswith("_mixer")]
    gates = [layer for layer in model.layers if layer.name.endswith("_attention")]
    assert {type(layer) for layer in mixers} == {kind}
    assert len(mixers) == len(gates) == sum(resnet.VARIANTS[name]["depths"])


def test_attention_between_stages():
    model = outline("resnet18", between="bam", **SMALL)
    gates = [layer for layer in model.layers if layer.name.endswith("_attention")]
    assert [gate.name for gate in gates] == [f"stage{n}_attention" for n in (1, 2, 3)]
    assert {type(gate) for gate in gates} == {layers.BAM}
    assert gates[1].input is model.get_layer("stage2_block2_out").output
    users = ("stage3_block1_pad1", "stage3_block1_shortcut_conv")
    assert all(model.get_layer(name).input is gates[1].output for name in users)


def test_the_map_of_a_stage_is_that_before_the_attention_between():
    model = outline("resnet18", between="bam", features_only=True, **SMALL)
    assert model.output["stage2"] is model.get_layer("stage2_block2_out").output


def test_attention_between_some_stages():
    named = outline("resnet18", between={"stage2": "bam"}, **SMALL)
    listed = outline("resnet18", between=[None, "bam", None], **SMALL)
    for model in (named, listed):
        found = [layer.name for layer in model.layers if layer.name.endswith("_attention")]
        assert found == ["stage2_attention"]


@pytest.mark.parametrize(
    ("between", "message"),
    [
        ({"stage4": "bam"}, "Received: 'stage4'. Known: stage1, stage2, stage3"),
        (["bam"] * 4, "one entry per stage, 3 here. Received 4"),
        ("bma", "Did you mean 'bam'"),
    ],
)
def test_wrong_places_between_stages(between, message):
    with pytest.raises(ValueError, match=message):
        models.build("resnet18", between=between, **SMALL)


# Published weights are found by these names: a change here breaks every saved model.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "resnet10t",
            "stem_pad1 stem_conv1 stem_norm1 stem_act1 stem_conv2 stem_norm2 stem_act2 stem_conv3 "
            "stem_norm3 stem_act3 stem_pool_pad stem_pool",
        ),
        (
            "resnetrs50",
            "stem_pad1 stem_conv1 stem_norm1 stem_act1 stem_conv2 stem_norm2 stem_act2 stem_conv3 "
            "stem_norm3 stem_act3 stem_pool_pad stem_pool_conv stem_pool_norm stem_pool_act",
        ),
        ("resnetblur18", "stem_pad stem_conv stem_norm stem_act stem_pool_pad stem_pool stem_blur"),
    ],
)
def test_names_of_stems_are_frozen(name, expected):
    model = outline(name, **SMALL)
    names = [layer.name for layer in model.layers if layer.name.startswith("stem")]
    assert names == expected.split()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet10t", "pad1 conv1 norm1 act1 conv2 norm2 shortcut_mean shortcut_conv "
            "shortcut_norm add out"),
        ("resnetblur18", "conv1 norm1 act1 blur conv2 norm2 shortcut_conv shortcut_norm add out"),
        ("skresnet18", "mixer conv2 norm2 shortcut_conv shortcut_norm add out"),
        ("resnest14d", "conv1 norm1 act1 mixer mean_pad mean conv3 norm3 shortcut_mean "
            "shortcut_conv shortcut_norm add out"),
        ("senet154", "conv1 norm1 act1 pad2 conv2 norm2 act2 conv3 norm3 attention shortcut_pad "
            "shortcut_conv shortcut_norm add out"),
    ],
)  # fmt: skip
def test_names_of_blocks_are_frozen(name, expected):
    model = outline(name, **SMALL)
    names = [layer.name for layer in model.layers if layer.name.startswith("stage3_block1_")]
    assert sorted(names) == sorted(f"stage3_block1_{part}" for part in expected.split())


def test_wider_nets_have_wider_bottlenecks():
    plain = outline("resnet50", **SMALL)
    wide = outline("wide_resnet50_2", **SMALL)
    for model, factor in [(plain, 1), (wide, 2)]:
        assert model.get_layer("stage3_block1_conv2").filters == 128 * factor
        assert model.get_layer("stage3_block1_conv3").filters == 512


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_blur_is_a_convolution_of_the_mirrored_map(data_format, size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    mirrored = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = np.zeros((2, -(-size[0] // 2), -(-size[1] // 2), 3))
    for row, column in np.ndindex(expected.shape[1:3]):
        window = mirrored[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        expected[:, row, column] = np.einsum("bhwc,hw->bc", window, kernel)
    first = data_format == "channels_first"
    layer = Blur(data_format=data_format)
    received = ops.convert_to_numpy(layer(np.moveaxis(x, -1, 1) if first else x))
    received = np.moveaxis(received, 1, -1) if first else received
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    saved = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(saved).data_format == data_format


def test_groups_need_channels():
    with pytest.raises(ValueError, match=r"groups must divide 16 channels in stage1_block1, so"):
        models.build("resnext50_32x4d", width=8)
