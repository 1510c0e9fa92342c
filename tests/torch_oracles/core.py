"""Other people's torch code as judges: how to import it, feed it, and carry its weights to ours."""

import importlib
import importlib.util
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
    assign(layer, kernel_of(source), source.bias)


def copy_depthwise(source, layer) -> None:
    """torch (channels * multiplier, 1, *size) -> Keras (*size, channels, multiplier)."""
    weight = array_of(source.weight)[:, 0]  # (channels * multiplier, *size)
    multiplier = weight.shape[0] // source.groups
    weight = weight.reshape(source.groups, multiplier, *weight.shape[1:])
    assign(layer, np.moveaxis(weight, (0, 1), (-2, -1)), source.bias)


def copy_dense(source, layer) -> None:
    """torch (out, in) of a linear layer or (out, in, 1, ...) of a pointwise one -> (in, out)."""
    weight = array_of(source.weight)
    assign(layer, weight.reshape(weight.shape[:2]).T, source.bias)


def copy_norm(source, layer) -> None:
    """Scale and offset, and the running mean and variance where there are any."""
    same(layer, "epsilon", source.eps)
    arrays = [array_of(source.weight), array_of(source.bias)]
    if getattr(source, "running_mean", None) is not None:
        arrays += [array_of(source.running_mean), array_of(source.running_var)]
    layer.set_weights(arrays)


def assign(layer, kernel, bias=None) -> None:
    layer.set_weights([kernel] if bias is None else [kernel, array_of(bias)])


def kernel_of(conv) -> np.ndarray:
    return np.moveaxis(array_of(conv.weight), (0, 1), (-1, -2))


def array_of(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def same(layer, name: str, value: float) -> None:
    ours = getattr(layer, name)
    if not np.isclose(ours, value, rtol=1e-9):
        raise AssertionError(f"{layer.name}.{name} is {ours}, but {value} in torch")
