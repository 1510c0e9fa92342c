"""Pre-activation ResNets against pytorchcv's."""

import math

import numpy as np
import pytest

from keras_attention import models
from tests.torch_oracles.core import import_oracle
from tests.zoo import parity

from .nets import outline, outputs


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # pytorchcv's CIFAR nets, and the published count for images with one channel.
        ("preact_resnet20", {}, 272_282),
        ("preact_resnet56", {}, 855_578),
        ("preact_resnet110", {}, 1_730_522),
        ("preact_resnet20", {"input_shape": (28, 28, 1), "mean": (0.3,), "std": (0.4,)}, 271_994),
    ],
)
def test_parameters(name, options, expected):
    model = outline(name, num_classes=10, **options)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected


def carried(source):
    """Our weights by path, from pytorchcv's network."""
    found = {"stem_conv/kernel": source.features.init_block.weight}
    for stage in range(1, 4):
        for number, unit in enumerate(getattr(source.features, f"stage{stage}"), start=1):
            name = f"stage{stage}_block{number}"
            for index, part in enumerate((unit.body.conv1, unit.body.conv2), start=1):
                found |= norm(f"{name}_norm{index}", part.bn)
                found[f"{name}_conv{index}/kernel"] = part.conv.weight
            if unit.resize_identity:
                found[f"{name}_shortcut_conv/kernel"] = unit.identity_conv.weight
    found |= norm("last_norm", source.features.post_activ.bn)
    return {**found, "logits/kernel": source.output.weight, "logits/bias": source.output.bias}


def norm(name, bn):
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    values = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
    return {f"{name}/{part}": value for part, value in zip(parts, values, strict=True)}


@pytest.mark.parametrize("size", [(32, 32), (20, 28)])
def test_logits_are_those_of_pytorchcv(size):
    torch = import_oracle("torch")
    torch.manual_seed(0)
    module = import_oracle("pytorchcv.models.preresnet_cifar")
    source = module.preresnet20_cifar10().eval()
    parity.randomise(source)
    source.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # its own fits 32 pixels only
    model = models.build("preact_resnet20", num_classes=10, input_shape=(*size, 3))
    arrays = {path: value.detach().numpy() for path, value in carried(source).items()}
    assert arrays.keys() == {weight.path for weight in model.weights}
    for weight in model.weights:
        array = arrays[weight.path]
        order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim)
        weight.assign(np.ascontiguousarray(array.transpose(order)))
    assert parity.error(model, source, size) <= 1e-5


def test_attention_stands_before_the_sum():
    model = models.build("preact_resnet20", "eca", num_classes=3, width=4, input_shape=(8, 8, 3))
    gates = [layer for layer in model.layers if layer.name.endswith("_attention")]
    assert len(gates) == 9
    for gate in gates:
        name = gate.name.removesuffix("_attention")
        before = gate.input._keras_history.operation.name
        assert before == f"{name}_conv2"
        assert gate.output in model.get_layer(f"{name}_add").input
    assert outputs(model, np.zeros((2, 8, 8, 3), "uint8")).shape == (2, 3)


def test_growth():
    model = models.build("preact_resnet20", width=4, growth=(1, 2, 4.5), input_shape=(8, 8, 3))
    assert model.get_layer("stage3_block3_conv2").filters == 18
