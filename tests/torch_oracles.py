"""Other people's torch code as judges: how to import it, feed it, and carry its weights to ours."""

import importlib
import importlib.util
import math
import re
import sys
import warnings

import numpy as np
import pytest

_definitions = None


def import_oracle(name: str):
    """The module `name` of timm, pytorchcv, torchvision or torch_struct.

    Skips the test where the package is not installed, naming the extra that brings it.

    >>> import_oracle("timm.layers.cbam").CbamModule(16)
    """
    package = name.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f'no {package} to compare with: pip install "keras-attention-zoo[oracles]"')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say at import is not about our code
        _import_torchvision()
        return importlib.import_module(name)


def _import_torchvision() -> None:
    """Import torchvision even where its compiled operators cannot load; timm imports it.

    That is so where a CPU build of torch stands beside a torchvision made for CUDA. Its models
    need none of those operators, only their names.
    """
    global _definitions
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _definitions is not None:
            raise
        import torch

        # Kept in the module: the definitions vanish with the object.
        _definitions = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            _definitions.define(
                f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        for loaded in [key for key in sys.modules if key.split(".")[0] == "torchvision"]:
            del sys.modules[loaded]
        importlib.import_module("torchvision")
    except ImportError:
        return  # whoever needs it says so


# Arrays. Torch's maps are (batch, channels, height, width); ours in the tests are channels last.


def to_torch(x, data_format: str = "channels_last"):
    """A NumPy array as a torch tensor, maps and videos with their channels moved to axis 1."""
    import torch

    if data_format == "channels_last" and np.ndim(x) >= 4:
        x = np.moveaxis(x, -1, 1)
    return torch.from_numpy(np.array(x, order="C"))


def from_torch(x, data_format: str = "channels_last") -> np.ndarray:
    """A torch tensor as a NumPy array, the inverse of `to_torch`."""
    x = x.detach().cpu().numpy()
    return np.moveaxis(x, 1, -1) if data_format == "channels_last" and x.ndim >= 4 else x


def run(module, *inputs, data_format: str = "channels_last") -> np.ndarray:
    """What the torch `module` makes of NumPy inputs, in inference mode."""
    import torch

    with torch.no_grad():
        output = module.eval()(*(to_torch(x, data_format) for x in inputs))
    return from_torch(output, data_format)


def seeded(make, seed: int = 0):
    """The module that `make()` builds, the same at every call."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def randomize(module, seed: int = 0) -> None:
    """Random statistics, scales and offsets in place of the zeros and ones a new net starts with.

    Kernels keep their initial values, which keep activations in range.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for part in module.modules():
            if getattr(part, "running_var", None) is not None:
                uniform(part.running_mean, -0.2, 0.2)
                uniform(part.running_var, 0.5, 1.5)
                uniform(part.weight, 0.5, 1.0)
            elif type(part).__name__.startswith(("LayerNorm", "GroupNorm", "BatchNorm")):
                uniform(part.weight, 0.5, 1.0)
            if getattr(part, "bias", None) is not None:
                uniform(part.bias, -0.1, 0.1)


# Weights. One recipe per pair of layers, `copy_x(source, layer)`, where `layer` is built.


def copy_conv(source, layer) -> None:
    """torch (out, in, *size) -> Keras (*size, in, out), in one, two or three dimensions."""
    _assign(layer, _kernel(source), source.bias)


def copy_depthwise(source, layer) -> None:
    """torch (channels * multiplier, 1, *size) -> Keras (*size, channels, multiplier)."""
    weight = _array(source.weight)[:, 0]  # (channels * multiplier, *size)
    multiplier = weight.shape[0] // source.groups
    weight = weight.reshape(source.groups, multiplier, *weight.shape[1:])
    _assign(layer, np.moveaxis(weight, (0, 1), (-2, -1)), source.bias)


def copy_dense(source, layer) -> None:
    """torch (out, in) of a linear layer or (out, in, 1, ...) of a pointwise one -> (in, out)."""
    weight = _array(source.weight)
    _assign(layer, weight.reshape(weight.shape[:2]).T, source.bias)


def copy_norm(source, layer) -> None:
    """Scale and offset, and the running mean and variance where there are any."""
    _same(layer, "epsilon", source.eps)
    arrays = [_array(source.weight), _array(source.bias)]
    if getattr(source, "running_mean", None) is not None:
        arrays += [_array(source.running_mean), _array(source.running_var)]
    layer.set_weights(arrays)


def copy_se(source, layer) -> None:
    """timm's SEModule -> SqueezeExcite."""
    copy_dense(source.fc1, layer.squeeze)
    copy_dense(source.fc2, layer.excite)


def copy_eca(source, layer) -> None:
    """timm's EcaModule or CecaModule -> EfficientChannelAttention."""
    copy_conv(source.conv, layer.conv)


def copy_channel_gate(source, layer) -> None:
    """timm's ChannelAttn or pytorchcv's MLP -> ChannelGate."""
    copy_dense(source.fc1, layer.squeeze)
    copy_dense(source.fc2, layer.excite)


def copy_spatial_gate(source, layer, mean_first: bool = False) -> None:
    """The convolution and norm of a spatial gate -> SpatialGate, whose order is [max; mean].

    `mean_first` is for timm, which stacks [mean; max].
    """
    kernel = _kernel(source.conv)
    _assign(layer.conv, kernel[:, :, ::-1] if mean_first else kernel)
    copy_norm(source.bn, layer.norm)


def copy_cbam(source, layer) -> None:
    """pytorchcv's CbamBlock -> CBAM."""
    copy_channel_gate(source.ch_gate.mlp, layer.channel_gate)
    copy_spatial_gate(source.sp_gate.conv, layer.spatial_gate)


def copy_timm_cbam(source, layer) -> None:
    """timm's CbamModule -> CBAM(use_bias=False), or with biases after mlp_bias=True."""
    copy_channel_gate(source.channel, layer.channel_gate)
    copy_spatial_gate(source.spatial.conv, layer.spatial_gate, mean_first=True)


# Where the layers of our ResNets are in other libraries' module trees.

PYTORCHCV_RESNET = {
    r"stem_conv": "features.init_block.conv.conv",
    r"stem_norm": "features.init_block.conv.bn",
    r"stage(\d)_block(\d+)_conv(\d)": r"features.stage\1.unit\2.body.conv\3.conv",
    r"stage(\d)_block(\d+)_norm(\d)": r"features.stage\1.unit\2.body.conv\3.bn",
    r"stage(\d)_block(\d+)_shortcut_conv": r"features.stage\1.unit\2.identity_conv.conv",
    r"stage(\d)_block(\d+)_shortcut_norm": r"features.stage\1.unit\2.identity_conv.bn",
    r"stage(\d)_block(\d+)_attention": r"features.stage\1.unit\2.cbam",
    r"logits": "output",
}
TIMM_RESNET = {
    r"stem_conv": "conv1",
    r"stem_norm": "bn1",
    r"stage(\d)_block(\d+)_(conv\d)": r"layer\1.{index}.\3",
    r"stage(\d)_block(\d+)_norm(\d)": r"layer\1.{index}.bn\3",
    r"stage(\d)_block(\d+)_shortcut_conv": r"layer\1.{index}.downsample.0",
    r"stage(\d)_block(\d+)_shortcut_norm": r"layer\1.{index}.downsample.1",
    r"stage(\d)_block(\d+)_attention": r"layer\1.{index}.se",
    r"logits": "fc",
}


def copy_resnet(source, model, paths: dict[str, str], copy_attention) -> None:
    """All weights of a torch ResNet -> ours; `{index}` in `paths` counts blocks from 0.

    Raises AssertionError where a weight of the source has no place in ours.
    """
    recipes = {"conv": copy_conv, "norm": copy_norm, "attention": copy_attention}
    for layer in model.layers:
        if layer.weights:
            (pattern,) = (known for known in paths if re.fullmatch(known, layer.name))
            block = re.search(r"block(\d+)", layer.name)
            path = re.sub(pattern, paths[pattern], layer.name)
            path = path.format(index=int(block[1]) - 1 if block else None)
            kind = layer.name.rpartition("_")[2].rstrip("0123456789")
            recipes.get(kind, copy_dense)(source.get_submodule(path), layer)
    carried = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    present = sum(parameter.numel() for parameter in source.parameters())
    if carried != present:
        raise AssertionError(f"{carried} of the {present} parameters were carried over")


def _assign(layer, kernel, bias=None) -> None:
    layer.set_weights([kernel] if bias is None else [kernel, _array(bias)])


def _kernel(conv) -> np.ndarray:
    return np.moveaxis(_array(conv.weight), (0, 1), (-1, -2))


def _array(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _same(layer, name: str, value: float) -> None:
    ours = getattr(layer, name)
    if not np.isclose(ours, value, rtol=1e-9):
        raise AssertionError(f"{layer.name}.{name} is {ours}, but {value} in torch")
