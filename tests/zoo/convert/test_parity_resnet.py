"""timm's and pytorchcv's residual networks against ours with their weights."""

import math

import numpy as np
import pytest

from keras_attention import models
from keras_attention.models import factory, resnet
from keras_attention.zoo.convert import TIMM, rules
from keras_attention.zoo.convert.pytorchcv import PYTORCHCV
from keras_attention.zoo.errors import ConversionError
from tests.backends import cases, on_torch_alone
from tests.models.nets import without_memory
from tests.torch_oracles.core import import_oracle
from tests.zoo import parity

WHOLE = ["test_resnet", "resnet10t", "skresnet18", "resnest14d"]
# One for each thing that a variant can have; cut to a block and 64 channels a stage, since that
# is where the parts differ.
CUT = [
    "resnet18",
    "wide_resnet50_2",
    "resnext50d_32x4d",
    "senet154",
    "ecaresnetlight",
    "seresnext26t_32x4d",
    "resnetrs50",
    "resnetaa50d",
    "seresnextaa201d_32x8d",
    "resnetblur50",
    "skresnext50_32x4d",
    "resnest50d_1s4x24d",
    "resnest50d_4s2x40d",
    "resnest101e",
]
# Every name of a tensor, but none of its numbers.
NAMES = ["resnet50", "resnet50c", "resnet50s", "seresnext50_32x4d", "ecaresnet26t", "resnest26d"]


@pytest.mark.parametrize("architecture", cases(WHOLE, "test_resnet", "resnest14d"))
def test_timm(tmp_path, architecture):
    """At an even size and at one where every stage has odd sides."""
    parity.assert_parity(tmp_path, architecture, (64, 64), (75, 49))


@pytest.mark.parametrize(
    "architecture", cases(CUT, "resnetblur50", "seresnextaa201d_32x8d", "skresnext50_32x4d")
)
def test_timm_cut(tmp_path, monkeypatch, architecture):
    cut = {"depths": (1, 1, 1, 1), "growth": (1, 1, 1, 1)}
    monkeypatch.setitem(resnet.VARIANTS, architecture, {**resnet.VARIANTS[architecture], **cut})
    options = {"layers": (1, 1, 1, 1), "channels": (64, 64, 64, 64)}
    parity.assert_parity(tmp_path, architecture, (32, 96), **options)


@on_torch_alone
@pytest.mark.parametrize("architecture", NAMES)
def test_every_tensor_of_timm_has_a_place(architecture):
    timm, torch = import_oracle("timm"), import_oracle("torch")
    with torch.device("meta"):
        source = timm.create_model(architecture, pretrained=False)
    with without_memory():
        model = models.build(architecture)
    arguments = factory.arguments_of(architecture)
    assert plan(source, TIMM["resnet"](arguments), model)
    parameters = sum(parameter.numel() for parameter in source.parameters())
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == parameters


def plan(source, table, model):
    shapes = {name: tuple(tensor.shape) for name, tensor in source.state_dict().items()}
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    return rules.plan(shapes, table, wanted, "the source")


BETWEEN = {"type": "bam", "combine": "product"}
PYTORCHCV_MODELS = [
    ("cbamresnet", "cbam_resnet18", "resnet18", {"attention": "cbam"}),
    ("bamresnet", "bam_resnet18", "resnet18", {"between": BETWEEN}),
    ("resnet", "resnet18", "resnet18", {}),
]
PYTORCHCV_NAMES = [
    ("cbamresnet", "cbam_resnet50", "resnet50", {"attention": "cbam"}, 28_089_624),
    ("bamresnet", "bam_resnet50", "resnet50", {"between": BETWEEN}, 25_915_099),
]


def pytorchcv_model(module, name):
    return getattr(import_oracle(f"pytorchcv.models.{module}"), name)()


@pytest.mark.parametrize(
    ("module", "name", "architecture", "options"), cases(PYTORCHCV_MODELS, "cbamresnet")
)
def test_pytorchcv(module, name, architecture, options):
    torch = import_oracle("torch")
    torch.manual_seed(0)
    source = pytorchcv_model(module, name).eval()
    parity.randomise(source)
    source.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # its own fits 224 pixels only
    state = {name: tensor.numpy() for name, tensor in source.state_dict().items()}
    table = PYTORCHCV["resnet"](factory.arguments_of(architecture))
    model = models.build(architecture, input_shape=(64, 96, 3), **options)
    weights = {weight.path: weight for weight in model.weights}
    for path, array in rules.apply(plan(source, table, model), state.__getitem__):
        weights[path].assign(np.ascontiguousarray(array, "float32"))
    assert parity.error(model, source, (64, 96)) <= parity.LIMIT


@on_torch_alone
@pytest.mark.parametrize(("module", "name", "architecture", "options", "count"), PYTORCHCV_NAMES)
def test_every_tensor_of_pytorchcv_has_a_place(module, name, architecture, options, count):
    torch = import_oracle("torch")
    with torch.device("meta"):
        source = pytorchcv_model(module, name)
    with without_memory():
        model = models.build(architecture, **options)
    assert plan(source, PYTORCHCV["resnet"](factory.arguments_of(architecture)), model)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == count


@on_torch_alone
def test_other_attention_than_the_tensors_are_for():
    torch = import_oracle("torch")
    with torch.device("meta"):
        source = pytorchcv_model("cbamresnet", "cbam_resnet18")
    table = PYTORCHCV["resnet"](factory.arguments_of("resnet18"))
    with without_memory():
        model = models.build("resnet18", "se")
    with pytest.raises(ConversionError, match="channel_gate/squeeze"):
        plan(source, table, model)
