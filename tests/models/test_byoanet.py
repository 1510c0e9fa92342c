"""timm's residual networks with attention: sizes, names, slots and forms of input."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models
from keras_attention.models import byoanet

from .nets import carry_weights, outline, outputs, pixels

# Trainable parameters as timm counts them; between them they have every argument of the builder.
PARAMETERS = {
    "bat_resnext26ts": 10_731_200,
    "botnet26t_256": 12_488_672,
    "eca_botnext26ts_256": 10_593_301,
    "gcresnet50t": 25_897_080,
    "halonet26t": 12_480_288,
    "halonet50ts": 22_733_280,
    "haloregnetz_b": 11_680_072,
    "lambda_resnet26rpt_256": 10_988_688,
    "lambda_resnet26t": 10_958_272,
    "lamhalobotnet50ts_256": 22_569_824,
    "regnetz_d32": 27_576_288,
    "resnet51q": 35_696_920,
    "resnet61q": 36_846_968,
    "sebotnet33ts_256": 13_701_984,
    "seresnext26ts": 10_388_064,
}

SMALL = {"channels": (8, 12, 16, 20), "hidden": (8, 8, 8, 8), "num_classes": 3}


def small(name="botnet26t_256", attention=None, size=32, build=models.build, **options):
    """A net of few channels for small images."""
    return build(name, attention, input_shape=(size, size, 3), **{**SMALL, **options})


# What an architecture is made of does not depend on the backend; torch's "meta" takes no memory.
on_torch = pytest.mark.skipif(keras.backend.backend() != "torch", reason="checked on torch alone")


@on_torch
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    with keras.device("meta"):
        model = models.build(name)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == PARAMETERS[name]


def test_names_are_frozen():
    model = small(features=6, build=outline)
    stem = [f"stem_{part}{index}" for index in (1, 2, 3) for part in ("conv", "norm", "act")]
    expected = ["image", "normalize", "stem_pad1", *stem, "stem_pool_max", "stem_pool"]
    expected += ["final_conv", "final_norm", "final_act", "pool", "logits"]
    around = ["conv1", "norm1", "act1", "norm2", "act2", "conv3", "norm3", "add", "out"]
    for stage in (1, 2, 3, 4):
        for block in (1, 2):
            parts = list(around)
            mixes, strides = (stage, block) in ((3, 2), (4, 1), (4, 2)), stage > 1 and block == 1
            parts.append("attention" if mixes else "conv2")
            parts += ["mean" if mixes else "pad2"] if strides else []
            parts += ["shortcut_conv", "shortcut_norm"] if block == 1 else []
            expected += [f"stage{stage}_block{block}_{part}" for part in parts]
    assert sorted(layer.name for layer in model.layers) == sorted(expected)


def test_a_single_convolution_begins_an_inverted_net():
    model = outline("haloregnetz_b", "none", input_shape=(32, 32, 3), num_classes=3)
    names = [layer.name for layer in model.layers]
    assert names[2:6] == ["stem_pad", "stem_conv", "stem_norm", "stem_act"]
    assert not [name for name in names if "shortcut" in name or name.endswith("_out")]
    assert "stage1_block2_add" in names
    assert "stage1_block1_add" not in names  # which changes the shape


@on_torch
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "lamhalobotnet50ts_256",
            {(2, 2): layers.LambdaLayer, (3, 6): layers.HaloAttention, (4, 2): "bot"},
        ),
        ("sebotnet33ts_256", {(1, 1): layers.SqueezeExcite, (2, 3): "bot", (4, 1): "bot"}),
        ("gcresnet33ts", {(1, 1): layers.GlobalContext, (4, 2): layers.GlobalContext}),
    ],
)
def test_variants_have_their_own_attention(name, kinds):
    with keras.device("meta"):
        model = small(name)
    for (stage, block), kind in kinds.items():
        layer = model.get_layer(f"stage{stage}_block{block}_attention")
        assert isinstance(layer, layers.BottleneckAttention if kind == "bot" else kind)


def test_a_gate_follows_the_convolution_and_a_mixer_replaces_it():
    model = small(attention="eca", build=outline)
    gate, mixer = (model.get_layer(f"stage3_block{block}_attention") for block in (1, 2))
    assert gate.input is model.get_layer("stage3_block1_act2").output
    assert gate.output is model.get_layer("stage3_block1_conv3").input
    assert mixer.input is model.get_layer("stage3_block2_act1").output
    assert mixer.output is model.get_layer("stage3_block2_norm2").input


def test_attention_can_be_another_or_none():
    names = {
        str(attention): [layer.name for layer in small(attention=attention, build=outline).layers]
        for attention in (None, "none", "eca", {"stage1": "eca"})
    }
    slots = {key: [one for one in found if "_attention" in one] for key, found in names.items()}
    assert {key: len(found) for key, found in slots.items()} == {
        "None": 3, "none": 0, "eca": 8, "{'stage1': 'eca'}": 5
    }  # fmt: skip


def test_a_mixer_that_keeps_its_map_gets_the_stride_after_it():
    model = small(attention={"stage4": "non_local"}, build=outline)
    assert model.get_layer("stage4_block1_attention").output.shape == (None, 2, 2, 8)
    assert model.get_layer("stage4_block1_mean").output.shape == (None, 1, 1, 8)


def test_a_mixer_may_have_the_stride_itself():
    halo = {"type": "halo", "block_size": 2, "strides": 2}
    model = small(attention={"stage4/block1": halo}, build=outline)
    assert model.get_layer("stage4_block1_attention").output.shape == (None, 1, 1, 8)
    assert "stage4_block1_mean" not in [layer.name for layer in model.layers]
    with pytest.raises(ValueError, match="this place has a stride of 1. Received: .*'strides': 2"):
        small(attention={"stage4/block2": halo})


def test_levels():
    model = small(features_only=True, features=6)
    maps = outputs(model, pixels((2, 32, 32, 3)))
    shapes = [(2, 8, 8, 8), (2, 4, 4, 12), (2, 2, 2, 16), (2, 1, 1, 6)]
    assert {level: y.shape for level, y in maps.items()} == dict(
        zip(("stage1", "stage2", "stage3", "stage4"), shapes, strict=True)
    )
    for level in ("stage1", "stage2", "stage3"):
        assert maps[level].std() > 0
        assert maps[level].min() >= 0  # after a ReLU
    assert list(small(features_only=True, levels=["stage2"]).output) == ["stage2"]


def test_the_pool_takes_negative_maxima_of_a_silu():
    options = {**SMALL, "hidden": (32, 32, 32, 32)}
    model = models.build("resnext26ts", input_shape=(8, 12, 3), **options)
    pool = keras.Model(model.get_layer("stem_act3").output, model.get_layer("stem_pool").output)
    x = -0.1 - np.arange(4 * 6 * 64, dtype="float32").reshape(1, 4, 6, 64) / 1e4
    np.testing.assert_array_equal(ops.convert_to_numpy(pool(x)), x[:, [0, 1]][:, :, [0, 1, 3]])


@pytest.mark.parametrize("name", ["seresnet33ts", "halonet50ts", "lambda_resnet26t"])
def test_sizes_may_be_unknown(name):
    fixed = small(name)
    free = models.build(name, input_shape=(None, None, 3), **SMALL)
    carry_weights(fixed, free)
    x = pixels((1, 32, 32, 3))
    np.testing.assert_allclose(outputs(free, x), outputs(fixed, x), rtol=1e-4, atol=1e-5)
    assert outputs(free, pixels((1, 40, 72, 3))).shape == (1, 3)


def test_tables_need_a_known_size():
    with pytest.raises(ValueError, match="'stage3_block2_attention' needs a fixed height"):
        models.build("botnet26t_256", input_shape=(None, None, 3), **SMALL)


def test_channels_first_gives_the_same_logits():
    name, options = "eca_botnext26ts_256", {"hidden": (16, 16, 16, 16)}
    last = small(name, **options)
    keras.config.set_image_data_format("channels_first")
    first = models.build(name, input_shape=(3, 32, 32), **{**SMALL, **options})
    carry_weights(last, first)
    x = pixels((2, 32, 32, 3))
    expected, received = outputs(last, x), outputs(first, np.moveaxis(x, -1, 1))
    assert expected.std() > 0
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


def test_default_sizes():
    sizes = {name: byoanet.default_size(byoanet.VARIANTS[name]) for name in byoanet.VARIANTS}
    smaller = {name for name, size in sizes.items() if size == 224}
    assert smaller == {"haloregnetz_b", "regnetz_b16"}
    assert {sizes[name] for name in sizes.keys() - smaller} == {256}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("botnet26t_256", {"widht": 8}, "no option 'widht'.*Known: channels, hidden, features"),
        ("botnet26t_256", {"channels": (8, 8)}, r"each of the 4 stages.*channels=\(8, 8\)"),
        ("botnet26t_256", {"hidden": 8}, "hidden must have one number.*Received: hidden=8"),
        ("botnet26t_256", {"hidden": (8, 8, 0, 8)}, "hidden must be an integer >= 1.*hidden=0"),
        ("botnet26t_256", {"features": -1}, "features must be an integer >= 0.*features=-1"),
        ("haloregnetz_b", {"hidden": (8, 8, 8, 8)}, "hidden has no use where blocks expand"),
        ("resnext26ts", {"hidden": (8, 8, 8, 8)}, "group_size must divide 8 hidden channels of"),
    ],
)
def test_wrong_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        outline(name, input_shape=(32, 32, 3), **options)
