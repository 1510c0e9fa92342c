"""The fast CIFAR network against its equations in torch."""

import math

import numpy as np
import pytest
from keras import ops

from keras_attention import models
from keras_attention.models.airbench import PartialIdentity
from tests.torch_oracles.core import import_oracle

from .nets import outline, outputs


def test_parameters():
    """Those of the paper's network: its 1,972,792 with the scales, which are ones, of the norms."""
    model = outline("airbench94", num_classes=10)
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    whitening, scales, classifier_bias = 24 * 12, 2 * 64 + 4 * 256, 10
    assert trained + whitening + scales - classifier_bias == 1_972_792


def reference(model, x):
    """The logits of normalised images (N, 3, H, W), from the model's weights."""
    torch = import_oracle("torch")
    functional = import_oracle("torch.nn.functional")
    weights = {w.path: torch.from_numpy(ops.convert_to_numpy(w).copy()) for w in model.weights}

    def conv(x, name, padding):
        kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, padding=padding)

    def norm(x, name):
        mean, variance = weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"]
        return functional.batch_norm(x, mean, variance, None, weights[f"{name}/beta"], eps=1e-12)

    shift = weights["whiten_shift/bias"][:, None, None]
    x = functional.gelu(conv(torch.from_numpy(x), "whiten_conv", 0) + shift)
    for stage in (1, 2, 3):
        name = f"stage{stage}_block1"
        x = functional.max_pool2d(conv(x, f"{name}_conv1", 1), 2)
        x = functional.gelu(norm(x, f"{name}_norm1"))
        x = functional.gelu(norm(conv(x, f"{name}_conv2", 1), f"{name}_norm2"))
    x = x.amax((2, 3)) / 9
    return (x @ weights["logits/kernel"] + weights["logits/bias"]).numpy()


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
def test_logits_are_those_of_the_equations(size):
    model = models.build(
        "airbench94", num_classes=5, width=8, input_shape=(*size, 3), include_preprocessing=False
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif "norm" in weight.path or "shift" in weight.path:
            weight.assign(rng.normal(0, 0.3, weight.shape))
    x = rng.normal(size=(2, *size, 3)).astype("float32")
    expected = reference(model, x.transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-5 * np.abs(expected).max())


def test_kernels_hand_on_what_comes_in():
    kernel = ops.convert_to_numpy(PartialIdentity(seed=0)((3, 3, 4, 6), "float32"))
    same = np.zeros((3, 3, 4, 4))
    same[1, 1] = np.eye(4)
    np.testing.assert_array_equal(kernel[..., :4], same)
    assert 0 < np.abs(kernel[..., 4:]).max() <= 1 / 6 and kernel[..., 4:].std() > 0.05
    again = PartialIdentity.from_config(PartialIdentity(seed=0).get_config())
    np.testing.assert_array_equal(ops.convert_to_numpy(again((3, 3, 4, 6), "float32")), kernel)


def test_the_whitening_is_not_trained():
    model = models.build("airbench94", "eca", num_classes=3, width=8)
    assert "whiten_conv/kernel" in {weight.path for weight in model.non_trainable_weights}
    gates = [layer.name for layer in model.layers if layer.name.endswith("_attention")]
    assert gates == [f"stage{stage}_block1_attention" for stage in (1, 2, 3)]
