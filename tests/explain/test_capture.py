"""The maps are the weights that the model applies, and asking for them changes nothing."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import explain, layers, models

SHAPE = (8, 12, 3)


def net(attention="cbam", **options):
    """A small net whose gates vary; those of a new one are constant until they have learnt."""
    keras.utils.set_random_seed(0)  # with other weights a ReLU might be dead, its gate constant
    defaults = {"num_classes": 3, "input_shape": SHAPE, "width": 16, "stem": "small"}
    model = models.build("resnet20", attention, **{**defaults, **options})
    for layer in model.layers:
        gate = getattr(layer, "spatial_gate", layer)
        if isinstance(gate, layers.SpatialGate):
            gate.norm.gamma.assign([1.0])
    return model


def photos(count=2, shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), "uint8")


def run(model, tensors, x):
    """NumPy values of some tensors of a model."""
    return [ops.convert_to_numpy(value) for value in keras.Model(model.inputs, tensors)([x])]


def arrays(maps):
    return {name: entry.array for name, entry in maps.items()}


def assert_equal(maps, others):
    assert list(maps) == list(others)
    for name, entry in maps.items():
        assert entry.kind == others[name].kind
        np.testing.assert_allclose(entry.array, others[name].array, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_maps_are_the_factors_that_the_model_applies(data_format):
    """What left a layer is what came in times the maps, in the model's own graph."""
    keras.config.set_image_data_format(data_format)
    first = data_format == "channels_first"
    shape = (3, 8, 12) if first else SHAPE
    cbam, se = {"type": "cbam", "reduction": 2}, {"type": "se", "reduction": 2}
    model = net([cbam, se, "spatial_gate"], input_shape=shape)
    x = photos(shape=shape)
    maps = explain.attention_maps(model, x)
    for stage, kinds in enumerate([("channel", "spatial"), ("channel",), ("spatial",)], start=1):
        name = f"stage{stage}_block2_attention"
        layer = model.get_layer(name)
        before, after = run(model, [layer.input, layer.output], x)
        factor = np.ones_like(before)
        for kind in kinds:
            entry = maps[f"{name}/{kind}" if len(kinds) == 2 else name]
            assert entry.kind == kind
            assert np.ptp(entry.array) > 1e-3
            axes = (2, 3) if first else (1, 2)
            axis = 1 if first else 3
            factor = factor * np.expand_dims(entry.array, axes if kind == "channel" else axis)
        assert np.ptp(before) > 0.1
        np.testing.assert_allclose(after, before * factor, rtol=1e-4, atol=1e-5)


def test_the_maps_are_what_the_layer_returns():
    model, x = net("eca"), photos()
    maps = explain.attention_maps(model, x)
    for name, entry in maps.items():
        layer = model.get_layer(name)
        fed = keras.Model(model.input, layer.input)(x)
        expected = ops.convert_to_numpy(layer(fed, return_attention_scores=True)[1])
        np.testing.assert_allclose(entry.array, expected, rtol=1e-5, atol=1e-6)
    assert len(maps) == 9


def test_names_kinds_and_shapes():
    maps = explain.attention_maps(net(["cbam", "se", None]), photos())
    expected = {}
    for block in (1, 2, 3):
        expected[f"stage1_block{block}_attention/channel"] = ("channel", (2, 16))
        expected[f"stage1_block{block}_attention/spatial"] = ("spatial", (2, 8, 12))
    for block in (1, 2, 3):
        expected[f"stage2_block{block}_attention"] = ("channel", (2, 32))
    assert {name: (entry.kind, entry.array.shape) for name, entry in maps.items()} == expected
    assert list(maps) == list(expected)
    assert {entry.array.dtype for entry in maps.values()} == {np.dtype("float32")}
    with pytest.raises(AttributeError):
        maps["stage2_block1_attention"].kind = "spatial"


def test_one_image_is_a_batch_of_one():
    model, x = net(), photos(2)
    alone, both = explain.attention_maps(model, x[1]), explain.attention_maps(model, x)
    assert alone["stage1_block1_attention/spatial"].array.shape == (1, 8, 12)
    for name, array in arrays(both).items():
        np.testing.assert_allclose(alone[name].array, array[1:], rtol=1e-4, atol=1e-5)


def test_floats_are_pixels_too():
    model, x = net(), photos()
    assert_equal(
        explain.attention_maps(model, x), explain.attention_maps(model, x.astype("float32"))
    )


def test_images_of_any_size():
    maps = explain.attention_maps(net(input_shape=(None, None, 3)), photos(1, (16, 8, 3)))
    assert maps["stage3_block1_attention/spatial"].array.shape == (1, 4, 2)


def test_float32_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    maps = explain.attention_maps(net(["cbam", None, None]), photos())
    assert {entry.array.dtype for entry in maps.values()} == {np.dtype("float32")}


def outer_functional(inner):
    image = keras.Input(SHAPE)
    x = inner(keras.layers.Rescaling(0.5, name="dim")(image))
    return keras.Model(image, keras.layers.Dense(2, name="top")(x)), inner.name


def outer_sequential(inner):
    dim = keras.layers.Rescaling(0.5)
    model = keras.Sequential([keras.Input(SHAPE), dim, inner, keras.layers.Dense(2)])
    return model, inner.name


def twice_nested(inner):
    middle = keras.Sequential([keras.layers.Rescaling(0.5), inner], name="middle")
    image = keras.Input(SHAPE)
    return keras.Model(image, keras.layers.Dense(2)(middle(image))), f"middle/{inner.name}"


def first_in_the_model(inner):
    image = keras.Input(SHAPE)
    model = keras.Model(image, keras.layers.Dense(2)(inner(image)))
    return model, inner.name


@pytest.mark.parametrize(
    "wrap", [outer_functional, outer_sequential, twice_nested, first_in_the_model]
)
def test_nested_models(wrap):
    inner, x = net(["cbam", "se", None], num_classes=0), photos().astype("float32")
    seen = x if wrap is first_in_the_model else 0.5 * x
    expected = explain.attention_maps(inner, seen)
    model, prefix = wrap(inner)
    maps = explain.attention_maps(model, x)
    assert_equal(maps, {f"{prefix}/{name}": entry for name, entry in expected.items()})
    assert_equal(explain.attention_maps(inner, seen), expected)


def test_layers_of_the_outer_model_and_of_nested_ones():
    image = keras.Input(SHAPE, name="image")
    x = layers.SqueezeExcite(2, name="early")(keras.layers.Conv2D(4, 3, name="conv")(image))
    side, maps = keras.Input((6, 10, 4), name="side"), keras.Input((6, 10, 4), name="maps")
    y = layers.SpatialGate(name="gate", gamma_initializer="ones")(
        keras.layers.Subtract(name="difference")([maps, side])
    )
    inner = keras.Model([side, maps], y, name="inner")
    y = inner([x, keras.layers.ReLU(name="relu")(x)])
    model = keras.Model(image, layers.EfficientChannelAttention(name="late")(y))
    x = photos()
    found = explain.attention_maps(model, x)
    assert list(found) == ["early", "inner/gate", "late"]
    early, relu, late = run(
        model, [model.get_layer(name).output for name in ("early", "relu", "late")], x
    )
    assert np.abs(relu - early).max() > 0.1  # else the order of the inputs would not show
    by_space, by_channel = found["inner/gate"].array[..., None], found["late"].array[:, None, None]
    np.testing.assert_allclose(late, (relu - early) * by_space * by_channel, rtol=1e-4, atol=1e-4)


class Recorder(keras.layers.Layer):
    """Somebody else's layer, which keeps to the two words that count."""

    score_kind = "temporal"

    def call(self, x, return_attention_scores=False):
        scores = ops.softmax(ops.mean(x, (2, 3)))  # (B, H)
        return (x, {"a": scores, "b": 1 - scores}) if return_attention_scores else x


class Silent(keras.layers.Layer):
    score_kind = "spatial"

    def call(self, x):
        return x


class Unnamed(keras.layers.Layer):
    def call(self, x, return_attention_scores=False):
        return (x, x) if return_attention_scores else x


def test_a_users_layer():
    image = keras.Input(SHAPE)
    model = keras.Model(
        image, Silent(name="no")(Unnamed(name="neither")(Recorder(name="r")(image)))
    )
    x = photos()
    maps = explain.attention_maps(model, x)
    assert {name: entry.kind for name, entry in maps.items()} == {
        "r/a": "temporal",
        "r/b": "temporal",
    }
    means = x.mean((2, 3))
    scores = np.exp(means - means.max(1, keepdims=True))
    scores /= scores.sum(1, keepdims=True)
    np.testing.assert_allclose(maps["r/a"].array, scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(maps["r/b"].array, 1 - scores, rtol=1e-4, atol=1e-6)


def state(model):
    """All that asking for maps must leave alone."""
    lines = []
    model.summary(print_fn=lines.append)
    nodes = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers]
    weights = {weight.path: ops.convert_to_numpy(weight.value) for weight in model.weights}
    return model.get_config(), lines, nodes, model.count_params(), weights


def test_the_model_is_left_as_it_was(tmp_path):
    model, x = outer_functional(net(["cbam", None, None], num_classes=0))[0], photos()
    before, answer = state(model), ops.convert_to_numpy(model(x))
    first = explain.attention_maps(model, x)
    assert_equal(explain.attention_maps(model, x), first)
    after = state(model)
    for old, new in zip(before[:-1], after[:-1], strict=True):
        assert old == new
    for path, value in before[-1].items():
        np.testing.assert_array_equal(after[-1][path], value)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(x)), answer)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(x)), answer, rtol=1e-5, atol=1e-6)
    assert_equal(explain.attention_maps(loaded, x), first)


def test_later_models_get_the_names_they_would_have_had():
    model, image = net(["se", None, None]), keras.Input((1,))
    number = int(keras.Model(image, image + 1).name.rpartition("_")[2])
    explain.attention_maps(model, photos())
    assert keras.Model(image, image + 1).name.endswith(f"_{number + 1}")


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Subclassed(name="mine"), "needs a Functional or a built Sequential.*Received.*mine"),
        (keras.Sequential([keras.layers.Dense(1)]), "needs a Functional or a built Sequential"),
        (layers.CBAM(), "needs a Functional or a built Sequential"),
        (None, "needs a Functional or a built Sequential.*Received: model=None"),
    ],
)
def test_models_that_cannot_be_seen_into(model, message):
    with pytest.raises(ValueError, match=message):
        explain.attention_maps(model, photos())


def test_a_model_without_attention():
    with pytest.raises(ValueError, match="'resnet20' has no attention layer"):
        explain.attention_maps(net(None), photos())


def two_inputs():
    inputs = [keras.Input(SHAPE, name="photo"), keras.Input((), dtype="int32", name="shift")]
    moved = keras.layers.Add()([inputs[0], keras.layers.Reshape((1, 1, 1))(inputs[1])])
    return keras.Model(inputs, layers.SpatialGate(name="gate", gamma_initializer="ones")(moved))


def test_a_model_of_two_inputs():
    model, x, shift = two_inputs(), photos().astype("float32"), np.array([3, 40])
    found = explain.attention_maps(model, [x, shift])["gate"].array
    moved = x + shift[:, None, None, None]
    _, expected = model.get_layer("gate")(moved, return_attention_scores=True)
    np.testing.assert_allclose(found, ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)
    one = explain.attention_maps(model, (x[1], 40))["gate"].array
    np.testing.assert_allclose(one, found[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (photos(), r"takes a list of 2 arrays: \['photo', 'shift'\]"),
        ([photos()], "Received: images=1 entries"),
        ([photos(), np.arange(3)], r"as many rows of each.* Received: \[2, 3\]"),
        ([photos(), np.zeros((2, 2))], r"shape \(\) for one image.*Received: shape=\(2, 2\)"),
    ],
)
def test_wrong_lists_of_inputs(images, message):
    with pytest.raises(ValueError, match=message):
        explain.attention_maps(two_inputs(), images)


def test_a_layer_that_another_model_used_first():
    inner = net(["se", None, None], num_classes=0)
    outer_functional(inner)
    second, _ = outer_functional(inner)
    with pytest.raises(ValueError, match="first used in another model.*Save the model and load"):
        explain.attention_maps(second, photos())


@pytest.mark.parametrize(
    "images",
    [
        photos()[None],
        photos()[0, 0],
        photos(shape=(8, 8, 3)),
        photos(shape=(8, 12, 1)),
        photos(0),
        np.full((2, *SHAPE), "a"),
        np.full((2, *SHAPE), None),
    ],
)
def test_wrong_images(images):
    model = gate_model()
    with pytest.raises(ValueError, match=r"takes numbers of shape \(8, 12, 3\).*Received: shape="):
        explain.attention_maps(model, images)


def gate_model():
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.SpatialGate()(image))
