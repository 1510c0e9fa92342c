"""Vision transformers: their sizes and names, sizes of images, slots and levels."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import explain, layers, models
from keras_attention.models import activations, tokens, vit
from keras_attention.ops import dot_product

from .nets import carry_weights, outputs, pixels, without_memory

# Trainable parameters as timm counts them; those of no classes are without a classifier.
PARAMETERS = [
    ("vit_tiny_patch16_224", 1000, 5_717_416),
    ("vit_small_patch16_224", 1000, 22_050_664),
    ("vit_base_patch16_224", 1000, 86_567_656),
    ("deit_small_distilled_patch16_224", 1000, 22_436_432),
    ("deit3_small_patch16_224", 1000, 22_059_496),
    ("vit_wee_patch16_reg1_gap_256", 1000, 13_422_568),
    ("vit_little_patch16_reg4_gap_256", 1000, 22_516_008),
    ("vit_small_patch14_reg4_dinov2", 0, 22_057_344),
    ("vit_base_patch16_siglip_224", 0, 92_884_224),
    ("vit_cifar_384x7", 10, 6_268_810),
    ("cct_7_3x1_32", 10, 3_760_138),  # one less than its authors', a bias before a softmax
    ("cct_6_3x1_32", 10, 3_233_802),
    ("cct_4_3x2_32", 10, 482_122),
    ("cct_2_3x2_32", 10, 283_722),
]


@pytest.mark.parametrize(("name", "classes", "expected"), PARAMETERS)
def test_parameters(name, classes, expected):
    with without_memory():
        model = models.build(name, num_classes=classes)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected


def small(attention=None, name="vit_tiny_patch16_224", **options):
    """Two blocks of 12 channels on patches of 4 pixels."""
    defaults = {
        "width": 12, "hidden": 20, "depths": (2,), "patch": 4, "num_classes": 3,
        "input_shape": (12, 8, 3),
    }  # fmt: skip
    return models.build(name, attention, **{**defaults, **options})


def shake(model):
    """Give every weight of a model values that matter to its output."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        value = ops.convert_to_numpy(weight.value)
        weight.assign(value + generator.uniform(-0.2, 0.2, value.shape).astype("float32"))


X = pixels((2, 12, 8, 3))

# Published weights are found by these names: a change here breaks every saved model.
BLOCK = ["norm1", "attention", "add1", "norm2", "mlp_in", "mlp_out", "add2"]
SCALED = [*BLOCK, "scale1", "scale2"]
OUTSIDE = ["image", "normalize", "patches", "positions", "tokens", "norm", "pool", "logits"]
NAMES = [
    ("vit_tiny_patch16_224", BLOCK, ["class_token"]),
    ("deit_tiny_distilled_patch16_224", BLOCK, [
        "class_token", "distillation_token", "pool_distilled", "logits_distilled", "logits_mean"
    ]),
    ("vit_small_patch14_reg4_dinov2", SCALED, ["class_token", "registers"]),
    ("vit_giant_patch14_dinov2", [*SCALED, "mlp_gate"], ["class_token"]),
    ("vit_base_patch16_clip_224", BLOCK, ["class_token", "pre_norm"]),
    ("vit_base_patch16_rpn_224", BLOCK, []),
    ("vit_wee_patch16_reg1_gap_256", SCALED, ["registers", "patch_tokens"]),
    ("vit_pwee_patch16_reg1_gap_256", [
        "norm1", "attention", "mlp_in", "mlp_out", "both", "scale1", "add1"
    ], ["registers", "patch_tokens"]),
    ("vit_base_patch16_siglip_224", BLOCK, []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "block", "more"), NAMES)
def test_layer_names_are_frozen(name, block, more):
    with without_memory():
        model = small({"type": "mhsa", "num_heads": 2}, name, width=24)
    blocks = [f"stage1_block{number}_{part}" for number in (1, 2) for part in block]
    assert sorted(layer.name for layer in model.layers) == sorted([*OUTSIDE, *more, *blocks])


def test_weight_paths():
    paths = [
        weight.path for weight in small(name="vit_so150m2_patch16_reg1_gap_256", width=13).weights
    ]
    block = ["norm1/gamma", "norm1/beta", "attention/qkv/kernel", "attention/proj/kernel",
             "attention/proj/bias", "scale1/gamma", "norm2/gamma", "norm2/beta", "mlp_in/kernel",
             "mlp_in/bias", "mlp_out/kernel", "mlp_out/bias", "scale2/gamma"]  # fmt: skip
    assert paths == [
        "patches/kernel", "patches/bias", "positions/table", "registers/tokens",
        "registers/positions",
        *[f"stage1_block{number}_{path}" for number in (1, 2) for path in block],
        "norm/gamma", "norm/beta", "logits/kernel", "logits/bias",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_siglip_224"])
def test_one_net_takes_images_of_any_size(name):
    options = {"name": name, "width": 60, "patch": 56}
    dynamic = small(input_shape=(None, None, 3), **options)
    shake(dynamic)
    assert dynamic.get_layer("positions").grid == (4, 4)
    fixed = small(input_shape=(224, 224, 3), **options)
    carry_weights(dynamic, fixed)
    x = pixels((1, 224, 224, 3))
    np.testing.assert_allclose(outputs(dynamic, x), outputs(fixed, x), rtol=1e-4, atol=1e-5)
    assert outputs(dynamic, pixels((2, 112, 168, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="multiples of the patch size 56. Received: 56 x 60 "):
        dynamic(pixels((1, 56, 60, 3)))


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only torch runs operations to tell shapes"
)
def test_a_net_of_many_tokens_is_built_without_running_it(monkeypatch):
    devices = []

    def spied(inputs, index):
        devices.append(inputs["query"].device.type)
        return weights_of(inputs, index)

    weights_of = dot_product._weights_of
    monkeypatch.setattr(dot_product, "_weights_of", spied)
    small(input_shape=(240, 240, 3), depths=(1,))  # 3601 tokens, for which attention is in blocks
    assert set(devices) == {"meta"}


def test_a_compiled_net_takes_images_of_any_size():
    model = small(input_shape=(None, None, 3))
    shake(model)
    for shape in [(2, 12, 8, 3), (1, 8, 16, 3)]:
        x = pixels(shape)
        eager = ops.convert_to_numpy(model(x))
        np.testing.assert_allclose(model.predict(x, verbose=0), eager, atol=1e-4)


def test_positions_are_resized_in_the_call():
    layer = tokens.PositionEmbedding((3, 2))
    layer.build((None, 3, 2, 5))
    x = np.zeros((1, 3, 2, 5), "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x))[0], layer.table.numpy())
    any_size = keras.Sequential([keras.Input((None, None, 5)), layer])
    found = ops.convert_to_numpy(any_size(np.zeros((1, 3, 4, 5), "float32")))[0]
    # The outer columns stay nearest to theirs, and the rows are not mixed.
    expected = ops.convert_to_numpy(ops.convert_to_tensor(layer.table))
    assert found.shape == (3, 4, 5)
    np.testing.assert_allclose(found.mean(1), expected.mean(1), atol=1e-6)
    assert np.abs(found[:, 0] - expected[:, 0]).max() < np.abs(found[:, 0] - expected[:, 1]).max()


@pytest.mark.parametrize("shape", [(13, 8, 3), (12, 7, 3), (13, None, 3)])
def test_sides_that_the_patch_does_not_divide(shape):
    with pytest.raises(ValueError, match="must be multiples of the patch size 4. Received: 1"):
        small(input_shape=shape)


def test_a_net_made_for_such_sides_cuts_them():
    model = small(name="vit_so400m_patch14_siglip_384", width=16, patch=5, input_shape=(12, 8, 3))
    assert model.get_layer("positions").grid == (2, 1)
    changed = X.copy()
    changed[:, 10:] = 0
    np.testing.assert_array_equal(outputs(model, X), outputs(model, changed))


@pytest.mark.parametrize(
    "name", ["deit_tiny_distilled_patch16_224", "vit_wee_patch16_reg1_gap_256"]
)
def test_channels_first_gives_the_same_logits(name):
    last = small(name=name)
    shake(last)
    keras.config.set_image_data_format("channels_first")
    first = small(name=name, input_shape=(3, 12, 8))
    carry_weights(last, first)
    expected, received = outputs(last, X), outputs(first, np.moveaxis(X, -1, 1))
    assert expected.std() > 0
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


def test_a_saved_model_keeps_its_layout(tmp_path):
    keras.config.set_image_data_format("channels_first")
    model = small(input_shape=(3, None, None), features_only=True, levels=["block1"])
    x = np.moveaxis(X, -1, 1)
    expected = outputs(model, x)["block1"]
    model.save(tmp_path / "model.keras")
    keras.config.set_image_data_format("channels_last")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded, x)["block1"], expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_levels_are_maps_without_prefix_tokens(data_format):
    keras.config.set_image_data_format(data_format)
    last = data_format == "channels_last"
    options = {"name": "vit_little_patch16_reg4_gap_256", "width": 15}
    options["input_shape"] = (12, 8, 3) if last else (3, 12, 8)
    model = small(features_only=True, **options)
    assert list(model.output) == ["block1", "block2"]
    x = X if last else np.moveaxis(X, -1, 1)
    found = outputs(model, x)
    assert {value.shape for value in found.values()} == {(2, 3, 2, 15) if last else (2, 15, 3, 2)}
    seen = model.get_layer("stage1_block2_add2").output
    rows = outputs(keras.Model(model.input, seen), x)
    maps = found["block2"] if last else np.moveaxis(found["block2"], 1, -1)
    np.testing.assert_array_equal(maps.reshape(2, 6, 15), rows[:, 4:])
    assert list(small(features_only=True, levels=["block1"], **options).output) == ["block1"]


def test_levels_of_unknown_sizes():
    model = small(features_only=True, input_shape=(None, None, 3))
    assert model.output["block1"].shape == (None, None, None, 12)
    assert outputs(model, X)["block1"].shape == (2, 3, 2, 12)


def test_each_block_has_a_slot():
    plain = {"type": "mhsa", "num_heads": 4, "qk_norm": "rms"}
    model = small({"stage1": plain, "stage1/block2": {"type": "xca", "num_heads": 3}})
    first, second = (model.get_layer(f"stage1_block{number}_attention") for number in (1, 2))
    assert isinstance(first, layers.MultiHeadSelfAttention)
    assert (first.num_heads, first.qk_norm) == (4, "rms")
    assert isinstance(second, layers.CrossCovarianceAttention)
    assert first.input is model.get_layer("stage1_block1_norm1").output
    assert outputs(model, X).shape == (2, 3)


def test_attention_with_positions_is_told_the_grid():
    spec = {"type": "mhsa", "num_heads": 3, "relative_position_bias": True}
    layer = small(spec, "vit_small_patch14_reg4_dinov2").get_layer("stage1_block2_attention")
    assert (layer.grid_size, layer.num_prefix_tokens) == ((3, 2), 5)
    assert spec == {"type": "mhsa", "num_heads": 3, "relative_position_bias": True}
    rotary = small(name="vit_mediumd_patch16_rope_reg1_gap_256", width=32)
    assert "positions" not in [layer.name for layer in rotary.layers]
    layer = rotary.get_layer("stage1_block1_attention")
    assert (layer.grid_size, layer.num_prefix_tokens, layer.rope) == ((3, 2), 1, True)
    with pytest.raises(ValueError, match="needs a fixed number of tokens"):
        small(name="vit_small_patch16_rope_224", width=24, input_shape=(None, 8, 3))


@pytest.mark.parametrize(
    "name",
    ["vit_tiny_patch16_224", "vit_base_patch16_rpn_224", "vit_pwee_patch16_reg1_gap_256"],
)
def test_attention_can_be_taken_away(name):
    model = small("none", name)
    assert not [layer.name for layer in model.layers if "attention" in layer.name]
    assert not [layer.name for layer in model.layers if layer.name.endswith(("scale2", "both"))]
    # A patch no longer reaches the others.
    inside = small("none", name, features_only=True)
    changed = X.copy()
    changed[:, :4, :4] = 255 - changed[:, :4, :4]
    before, after = (outputs(inside, x)["block2"] for x in (X, changed))
    assert (before != after).any(-1).sum() == len(X)


def test_attention_maps():
    found = explain.attention_maps(small(name="deit_tiny_distilled_patch16_224"), X)
    assert list(found) == ["stage1_block1_attention", "stage1_block2_attention"]
    for scores in found.values():
        assert scores.kind == "pairwise"
        assert scores.array.shape == (2, 3, 8, 8)
        np.testing.assert_allclose(scores.array.sum(-1), 1, atol=1e-5)
    found = explain.attention_maps(small(name="vit_base_patch16_siglip_224"), X)
    assert found["pool"].array.shape == (2, 12, 6)


def test_two_classifiers_give_their_mean():
    model = small(name="deit_tiny_distilled_patch16_224")
    shake(model)
    parts = ["pool", "pool_distilled", "logits", "logits_distilled"]
    ends = {name: model.get_layer(name).output for name in parts}
    found = outputs(keras.Model(model.input, ends), X)
    mean = (found["logits"] + found["logits_distilled"]) / 2
    np.testing.assert_allclose(outputs(model, X), mean, atol=1e-6)
    assert np.abs(found["pool"] - found["pool_distilled"]).min() > 0


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("vit_giant_patch14_reg4_dinov2", "mixed_bfloat16"),
        ("vit_base_patch16_clip_quickgelu_224", "float32"),
        ("vit_large_patch16_siglip_512", "float32"),
        ("test_vit4", "float32"),
    ],
)
def test_a_saved_model_gives_the_same_bits(name, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = small(name=name, width=48, input_shape=(None, None, 3))
    assert model.get_layer("positions").table.dtype == "float32"
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded, X), outputs(model, X))
    assert [weight.path for weight in loaded.weights] == [weight.path for weight in model.weights]


@pytest.mark.parametrize(("name", "at_one"), [("gelu", 0.841345), ("gelu_tanh", 0.841192),
                                              ("quick_gelu", 0.845795)])  # fmt: skip
def test_activations(name, at_one):
    found = ops.convert_to_numpy(activations.get(name)(ops.convert_to_tensor([1.0, -30.0])))
    np.testing.assert_allclose(found, [at_one, 0], atol=1e-6)


def test_every_variant_can_be_described():
    for name, arguments in vit.VARIANTS.items():
        assert vit.default_size(arguments) == arguments["size"]
        assert arguments["width"] % arguments["attention"]["num_heads"] == 0, name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "vit: width must be an integer >= 1. Received: width=0"),
        ({"patch": 1.5}, "vit: patch must be an integer >= 1. Received: patch=1.5"),
        ({"depths": (2, 2)}, r"the one entry of a tuple.*Received: depths=\(2, 2\)"),
        ({"depths": 12}, r"the one entry of a tuple, such as \(12,\). Received: depths=12"),
        ({"depths": (0,)}, "depths must be an integer >= 1. Received: depths=0"),
        ({"width": 13}, "num_heads must divide 13 channels. Received: num_heads=3"),
        ({"attention": "cbam"}, "needs a map"),
        ({"attention": {"stage2": "mhsa"}}, "Unknown address.*Known: stage1, stage1/block1"),
        ({"patches": 4}, "no option 'patches'. Did you mean 'patch'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)
