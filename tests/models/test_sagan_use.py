"""How SAGAN's networks are put together, saved, run in other settings and refused."""

import keras
import numpy as np
import pytest

from keras_attention import explain, models
from tests.layers.tools import run, to_numpy

from .nets import carry_weights
from .test_sagan import BUILDERS, CLASSES, filled, given, on_torch_alone, outline

TINY = {"num_classes": CLASSES, "width": 4}
# The generator has all sorts of layers that depend on the backend, and more.
one_on_each_backend = pytest.mark.parametrize(
    "which", ["generator", pytest.param("discriminator", marks=on_torch_alone)]
)


def shapes(model):
    return {weight.path: tuple(weight.shape) for weight in model.weights}


@on_torch_alone
@pytest.mark.parametrize("which", BUILDERS)
@pytest.mark.parametrize("name", ["sagan32", "sagan128"])
def test_without_attention_all_else_is_the_same(name, which):
    plain, full = (outline(which, name, spec, **TINY) for spec in (None, "sagan"))
    more = {path: shape for path, shape in shapes(full).items() if path not in shapes(plain)}
    assert shapes(plain) == {path: shapes(full)[path] for path in shapes(plain)}
    (block,) = {path.partition("/")[0] for path in more}
    number = {"sagan32": {"generator": 2, "discriminator": 1}}.get(
        name, {"generator": 3, "discriminator": 2}
    )[which]
    assert block == f"block{number}_attention" and f"{block}/gamma" in more
    assert full.get_layer(block).output.shape[1] == {"sagan32": 16, "sagan128": 32}[name]


@on_torch_alone
def test_none_by_name():
    plain, named = (outline("generator", "sagan32", spec, **TINY) for spec in (None, "none"))
    assert shapes(plain) == shapes(named)


@on_torch_alone
def test_every_kernel_is_divided_by_its_singular_value():
    for which in BUILDERS:
        for name in ("sagan32", "sagan128"):
            found = shapes(outline(which, name, num_classes=CLASSES, width=8))
            kernels = {path.removesuffix("/kernel") for path in found if path.endswith("/kernel")}
            vectors = {path.removesuffix("/u") for path in found if path.endswith("/u")}
            assert kernels == vectors and len(kernels) > 10


@on_torch_alone
@pytest.mark.parametrize("which", BUILDERS)
def test_other_attention_elsewhere(which):
    model = BUILDERS[which]("sagan32", {"type": "se", "reduction": 2}, attention_at=8, **TINY)
    place = {"generator": "block1", "discriminator": "block2"}[which]
    assert model.get_layer(f"{place}_attention").reduction == 2
    assert np.isfinite(to_numpy(model(given(model)))).all()


@one_on_each_backend
def test_a_file_gives_the_same_model(which, tmp_path):
    model = filled(which, **TINY)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert shapes(loaded) == shapes(model)
    inputs = given(model)
    np.testing.assert_array_equal(to_numpy(run(loaded, inputs)), to_numpy(run(model, inputs)))


def test_a_saved_generator_keeps_the_names_of_its_classes(tmp_path):
    names = ("a", "b", "c", "d", "e")
    plain, named = filled("generator", **TINY), filled("generator", labels=names, **TINY)
    assert shapes(plain) == shapes(named) and models.labels(plain) is None
    named.save(tmp_path / "m.keras")
    saved = keras.saving.load_model(tmp_path / "m.keras")
    copies = [saved, keras.models.clone_model(named), keras.Model.from_config(named.get_config())]
    assert [models.labels(model) for model in (named, *copies)] == [names] * 4
    inputs = given(plain)
    for model in (named, saved):
        np.testing.assert_array_equal(to_numpy(run(model, inputs)), to_numpy(run(plain, inputs)))


@one_on_each_backend
def test_channels_first_is_the_same_with_other_axes(which):
    last = filled(which, **TINY)
    keras.config.set_image_data_format("channels_first")
    first = BUILDERS[which]("sagan32", **TINY)
    carry_weights(last, first)
    x, labels = given(last)
    moved = np.moveaxis(x, -1, 1) if x.ndim == 4 else x
    y, expected = to_numpy(run(first, [moved, labels])), to_numpy(run(last, [x, labels]))
    y = np.moveaxis(y, 1, -1) if y.ndim == 4 else y
    np.testing.assert_allclose(y, expected, atol=1e-5 * np.abs(expected).max())


@one_on_each_backend
def test_half_precision(which):
    whole = filled(which, **TINY)
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = BUILDERS[which]("sagan32", **TINY)
    carry_weights(whole, half)
    inputs = given(whole)
    y, expected = run(half, inputs), to_numpy(run(whole, inputs))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert half.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert np.abs(to_numpy(y) - expected).mean() < 0.05 * np.abs(expected).mean()


@on_torch_alone
def test_attention_maps_of_two_inputs():
    model = filled("generator", **TINY)
    (entry,) = explain.attention_maps(model, given(model)).values()
    assert entry.kind == "pairwise" and entry.array.shape == (2, 1, 256, 64)
    np.testing.assert_allclose(entry.array.sum(-1), 1, atol=1e-5)
    model = filled("discriminator", **TINY)
    maps = explain.attention_maps(model, given(model))
    assert maps["block1_attention"].array.shape == (2, 1, 256, 64)


@on_torch_alone
def test_a_label_that_is_none_gives_no_number():
    for which in BUILDERS:
        model = filled(which, **TINY)
        x, _ = given(model, 3)
        y = to_numpy(model([x, np.array([CLASSES, 1, -1], "int32")]))
        assert np.isnan(y[[0, 2]]).all() and np.isfinite(y[1]).all()


@on_torch_alone
def test_discriminator_that_is_frozen_does_not_move():
    model = filled("discriminator", **TINY)
    model.trainable = False
    before = model.get_weights()
    model(given(model), training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@on_torch_alone
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sagan33", {}, "Did you mean 'sagan32'.* Received: name='sagan33'. Known: sagan32"),
        ("sagan32", {"attention": "sagen"}, "Did you mean 'sagan'.* Received: spec='sagen'"),
        (
            "sagan32",
            {"attention": "attention_pool"},
            "block._attention: this place needs attention",
        ),
        ("sagan32", {"attention_at": 64}, r"\[.*16.*\]. Received: attention_at=64"),
        ("sagan64", {"attention_at": 0}, r"one of \[.*\]. Received: attention_at=0"),
        ("sagan32", {"num_classes": -1}, "num_classes must be an integer >= 0"),
        ("sagan32", {"width": 0}, r"build_.*\('sagan32'\): width must be .* Received: width=0"),
        ("sagan32", {"channels": 2.5}, "channels must be an integer >= 1. Received: channels=2.5"),
        ("sagan32", {"width": 1}, "key_reduction must be at most the . channels"),
    ],
)
def test_refuses(name, options, message):
    for build in BUILDERS.values():
        with pytest.raises(ValueError, match=message):
            build(name, **options)


@on_torch_alone
@pytest.mark.parametrize("labels", [["a"], "abcde", []], ids=str)
def test_refuses_names_that_are_not_one_for_each_class(labels):
    with pytest.raises(ValueError, match="one name for each of the 5 classes. Received"):
        models.build_generator("sagan32", labels=labels, **TINY)
    with pytest.raises(ValueError, match="one name for each of the 0 classes. Received 2"):
        models.build_generator("sagan32", width=2, labels=["a", "b"])


@on_torch_alone
def test_refuses_noise_of_another_length():
    with pytest.raises(ValueError, match="latent must be an integer >= 1. Received: latent=0"):
        models.build_generator("sagan32", latent=0)
    model = models.build_generator("sagan32", width=2, latent=16)
    with pytest.raises(ValueError, match=r"expected shape=\(None, 16\), found shape=\(2, 128\)"):
        model(np.zeros((2, 128), "float32"))
