"""Files as the authors of CBAM and BAM wrote them: the same networks as pytorchcv's."""

import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import zoo
from keras_attention.zoo import convert
from keras_attention.zoo.convert import rules
from tests.torch_oracles.core import import_oracle
from tests.zoo.parity import randomise

# pytorchcv's words for the parts, and the authors'.
WORDS = [
    (r"features\.init_block\.conv\.conv", "conv1"),
    (r"features\.init_block\.conv\.bn", "bn1"),
    (r"features\.stage(\d)\.unit1\.bam", lambda m: f"bam{int(m[1]) - 1}"),
    (
        r"features\.stage(\d)\.unit(\d+)(?:\.res_unit)?",
        lambda m: f"layer{m[1]}.{int(m[2]) - 1}",
    ),
    (r"body\.conv(\d)\.conv", r"conv\1"),
    (r"body\.conv(\d)\.bn", r"bn\1"),
    (r"identity_conv\.conv", "downsample.0"),
    (r"identity_conv\.bn", "downsample.1"),
    (r"ch_gate\.mlp\.fc1", "ChannelGate.mlp.1"),
    (r"ch_gate\.mlp\.fc2", "ChannelGate.mlp.3"),
    (r"sp_gate\.conv\.", "SpatialGate.spatial."),
    (r"ch_att\.init_fc\.fc", "channel_att.gate_c.gate_c_fc_0"),
    (r"ch_att\.init_fc\.bn", "channel_att.gate_c.gate_c_bn_1"),
    (r"ch_att\.final_fc", "channel_att.gate_c.gate_c_fc_final"),
    (r"sp_att\.init_conv\.conv", "spatial_att.gate_s.gate_s_conv_reduce0"),
    (r"sp_att\.init_conv\.bn", "spatial_att.gate_s.gate_s_bn_reduce0"),
    (
        r"sp_att\.dil_convs\.conv(\d)\.(conv|bn)",
        lambda m: f"spatial_att.gate_s.gate_s_{m[2]}_di_{int(m[1]) - 1}",
    ),
    (r"sp_att\.final_conv", "spatial_att.gate_s.gate_s_conv_final"),
    (r"^output", "fc"),
]


def state_of(kind):
    torch = import_oracle("torch")
    torch.manual_seed(0)
    module = import_oracle(f"pytorchcv.models.{kind}resnet")
    source = getattr(module, f"{kind}_resnet18")(num_classes=7)
    randomise(source)
    return source.state_dict()


def as_the_authors(state):
    renamed = {}
    for name, tensor in state.items():
        for pattern, word in WORDS:
            name = re.sub(pattern, word, name)
        renamed[f"module.{name}"] = tensor
    return renamed


@pytest.fixture(params=["cbam", "bam"])
def file(request, tmp_path):
    """A file of a training with one of the two, and the tensors that pytorchcv would have."""
    torch, state = import_oracle("torch"), state_of(request.param)
    path = tmp_path / f"RESNET18_{request.param}.pth"
    training = {"epoch": 90, "arch": "resnet", "state_dict": as_the_authors(state), "best": 0.5}
    torch.save(training, path)
    return path, state


def test_every_weight_is_where_pytorchcvs_would_be(file):
    path, state = file
    model = zoo.load(str(path))
    assert model.output_shape == (None, 7) and model.input_shape == (None, 224, 224, 3)
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    shapes = {name: array.shape for name, array in arrays.items()}
    steps = rules.plan(shapes, convert.PYTORCHCV["resnet"]({}), wanted, "pytorchcv")
    expected = dict(rules.apply(steps, arrays.__getitem__))
    assert expected.keys() == wanted.keys() - {"normalize"} and len(expected) > 60
    for weight in model.weights:
        found = ops.convert_to_numpy(weight.value)
        np.testing.assert_array_equal(found, np.asarray(expected[weight.path], found.dtype))
    bams = [layer for layer in model.layers if isinstance(layer, keras.layers.Layer)]
    combined = {layer.combine for layer in bams if hasattr(layer, "combine")}
    assert combined == ({"product"} if "_bam" in path.name else set())


def test_changes(file, caplog):
    model = zoo.load(str(file[0]), num_classes=3, input_shape=(64, 64, 3))
    assert model.output_shape == (None, 3) and "new and random are logits" in caplog.text
    assert zoo.load(str(file[0]), weights=False, num_classes=0).output_shape == (None, 512)


def test_what_is_no_such_file(file, tmp_path):
    torch = import_oracle("torch")
    path, other = file[0], tmp_path / "other.pth"
    state = torch.load(path, weights_only=True)["state_dict"]
    for change, message in [
        ({"module.extra": torch.zeros(1)}, "Tensors without use.*extra"),
        ({"module.fc.bias": None}, "is no ResNet of the authors' code"),
        ({"module.fc.bias": torch.full((7,), float("nan"))}, "not finite for 'logits/bias'"),
    ]:
        changed = {name: value for name, value in {**state, **change}.items() if value is not None}
        torch.save(changed, other)
        with pytest.raises(zoo.ConversionError, match=message):
            zoo.load(str(other))
    other.write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    with pytest.raises(zoo.ConversionError, match="is no torch file of weights"):
        zoo.load(str(other))
