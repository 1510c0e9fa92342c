"""The controls beside attention, and the first filters from the images."""

import keras
import numpy as np
import pytest

from recipes import data, recipe
from recipes.engine import controls, macs, run, whiten
from tests.recipes.test_recipes import tiny


@pytest.mark.parametrize("name", ["cifar10_resnet18w16", "fashion_mnist_preact20"])
def test_the_wider_net_has_as_many_parameters(name):
    chosen = recipe.find(name)("wide", quick=True)
    wide = controls.resolved(chosen, 10)
    assert wide.attention is None
    wanted = controls.parameters(controls.network(chosen, "cbam", 10))
    found = controls.parameters(controls.network(wide, None, 10))
    assert wanted <= found < 1.02 * wanted
    *growth, last = wide.model_options["growth"]
    fewer = round(last * wide.model_options.get("width", 16)) - 1
    narrower = controls._with_last(chosen, [*growth, last], 16, fewer)
    assert controls.parameters(controls.network(narrower, None, 10)) < wanted


def test_the_constant_gate():
    made = controls.resolved(tiny(attention="constant"), 10)
    model = controls.network(made, made.attention, 10)
    gate = model.get_layer("stage1_block1_attention")
    np.testing.assert_array_equal(gate(np.ones((1, 2, 2, 2))), np.full((1, 2, 2, 2), 0.25))
    # What CBAM multiplies by at first, but for what its channel gate sees at random.
    plain = controls.network(tiny(), None, 10)
    assert controls.parameters(model) == controls.parameters(plain)


def test_a_run_of_a_control_keeps_its_name(tmp_path):
    result = run.train(tiny(attention="constant"), 0, tmp_path)
    assert result["recipe"]["attention"] == "constant" and result["epochs"] == 1


def test_whitened_patches():
    dataset = data.load("generated")
    chosen = recipe.find("cifar10_airbench")(quick=True)
    model = run.build(chosen, dataset, 0)
    split = dataset.splits["train"]
    images = (split.images / 255.0 - chosen.mean) / chosen.std
    kernel = keras.ops.convert_to_numpy(model.get_layer("whiten_conv").kernel)
    np.testing.assert_allclose(kernel[..., :12], -kernel[..., 12:])
    answers = sum(
        np.einsum("nhwc,cf->nhwf", images[:, i : i + 31, j : j + 31], kernel[i, j])
        for i in range(2)
        for j in range(2)
    )[..., :12].reshape(-1, 12)
    moments = answers.T @ answers / len(answers)
    # Up to EPSILON beside each variance, the answers are uncorrelated and of variance 1.
    off = moments - np.diag(np.diag(moments))
    assert np.abs(off).max() < 1e-3 and 0 < np.diag(moments).min() and np.diag(moments).max() < 1.01
    assert whiten.IMAGES > len(split.images)


def test_multiply_adds(counted):
    """Of a ResNet-18 with 16 channels at 32 pixels, counted by hand: 34.9 million."""
    assert macs.of_recipe(recipe.find("cifar10_resnet18w16")(), 10) == count_by_hand()


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch counts for all backends")
def test_multiply_adds_of_a_pretrained_network(counted):
    # A pretrained network has the attention that it was published with.
    tuned = recipe.find("flowers5_finetune")()
    scratch = tuned.replace(pretrained=None, attention="cbam")
    assert macs.of_recipe(tuned, 5) == macs.of_recipe(scratch, 5)


def count_by_hand():
    side, total, inputs = 32, 32 * 32 * 9 * 3 * 16, 16
    for stage in range(4):
        filters = 16 * 2**stage
        side = side // (2 if stage else 1)
        area = side * side
        total += area * 9 * (inputs * filters + 3 * filters * filters)
        total += area * inputs * filters if stage else 0
        inputs = filters
    return total + inputs * 10
