"""Equal logits of another library's model and of ours, loaded from its files through `zoo.load`."""

import json
import pathlib

import numpy as np

from keras_attention import zoo
from keras_attention.models import factory
from keras_attention.zoo.foreign import building
from tests.models.nets import outputs
from tests.torch_oracles.core import import_oracle

LIMIT = 1e-4  # of the largest logit
# Where the logits of two images differ by less than that part of the largest, nothing is shown.
BLIND = 5e-3


class Unfit(AssertionError):
    """With these weights the logits show nothing: they hardly depend on the image, or on noise."""


def timm_folder(
    folder: pathlib.Path, architecture: str, seed: int = 0, branch: float = 1.0, **options
):
    """timm's model with random weights and statistics, and its files in `folder` as on the Hub.

    branch: About how much a branch counts beside what it is added to.
    """
    timm, torch = import_oracle("timm"), import_oracle("torch")
    torch.manual_seed(seed)
    model = timm.create_model(architecture, pretrained=False, **options)
    randomise(model, branch)
    hub = import_oracle("timm.models._hub")
    hub.save_for_hf(model, folder, safe_serialization=True)
    return model.eval()


def randomise(model, branch: float = 1.0) -> None:
    """Random numbers where layers start at zeros, ones or constants, so that no mistake hides."""
    torch = import_oracle("torch")
    saved = model.state_dict()  # without what follows from the architecture
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point() or name not in saved:
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("weight") and tensor.ndim == 1 and not tensor.any():
                tensor.uniform_(0.5 * branch, 1.5 * branch)  # zeros would hide what comes before
            elif tensor.ndim < 2:
                centre = tensor.mean() if tensor.numel() > 1 else tensor
                tensor.copy_(centre + 0.1 * torch.randn_like(tensor))
            elif name.endswith("weight"):  # large enough that images and positions matter
                tensor.normal_(0, 1.2 / (tensor.numel() / len(tensor)) ** 0.5)
            elif tensor.std() == 0:
                tensor.normal_(0, 0.02)


def pictures(batch: int, size: tuple[int, int]) -> np.ndarray:
    """Images of nine large coloured fields with noise: of noise alone, all have the same mean."""
    rng = np.random.default_rng(0)
    fields = rng.integers(0, 256, (batch, 3, 3, 3))
    rows, columns = (np.arange(side) * 3 // side for side in size)
    noise = rng.integers(-40, 41, (batch, *size, 3))
    return np.clip(fields[:, rows][:, :, columns] + noise, 0, 255).astype("uint8")


def error(model, source, size: tuple[int, int], batch: int = 2) -> float:
    """The largest difference of the logits of the same images, relative to the largest logit.

    The source computes in float64: in float32 deep random networks differ from themselves, by 2e-4
    in a ResNeSt of 101 layers.
    """
    x = pictures(batch, size)
    normalize = model.get_layer("normalize")
    mean, std = np.array(normalize.pixel_mean), np.array(normalize.pixel_std)
    expected = logits(source.double(), x, mean, std)
    source.float()
    return compare(outputs(model, x), expected)


def compare(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest number expected."""
    largest = np.abs(expected).max()
    if np.abs(expected - expected.mean(0)).max() < BLIND * largest:
        raise Unfit("The logits hardly depend on the image: a mistake could hide")
    return float(np.abs(found - expected).max() / largest)


def logits(source, pixels: np.ndarray, mean, std) -> np.ndarray:
    """What the source makes of images that are normalised by these numbers, in its own dtype."""
    torch = import_oracle("torch")
    kind = next(source.parameters()).dtype
    x = ((pixels / 255.0 - mean) / std).astype("float32").transpose(0, 3, 1, 2)
    with torch.no_grad():
        return source(torch.from_numpy(x.copy()).to(kind)).numpy()


def assert_parity(folder, architecture: str, *sizes: tuple[int, int], **options) -> None:
    """Load timm's random `architecture` from its files and compare at each size.

    The first size is that of the checkpoint; at others, tables of positions have another length.
    """
    source = timm_folder(folder, architecture, **options)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["architecture"] == architecture
    parameters = sum(parameter.numel() for parameter in source.parameters())
    for size in sizes:
        model = zoo.load(str(folder), input_shape=(*size, 3))
        if size == sizes[0]:
            assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters
        assert error(model, source, size) <= LIMIT


def cases(architecture: str) -> list[tuple[dict, list[tuple[int, int]]]]:
    """Options of timm's model, and the sizes of the images that it and ours see with its weights.

    Two sizes in all, which cost little. Where tables are made for the size, and are not resampled,
    each size has a checkpoint of its own.
    """
    family, arguments = factory.family_of(architecture), factory.arguments_of(architecture)
    if family == "vit":  # neither is the size that the table of positions was made for
        patch = arguments["patch"]
        return [({"dynamic_img_size": True}, [(4 * patch, 4 * patch), (3 * patch, 5 * patch)])]
    if family == "resnet":
        return [({}, [(64, 64), (64, 96)])]
    side = factory.default_size_of(architecture)
    if family == "swin":  # windows larger than the smallest maps
        return [({}, [(side, side), (side // 2, side)])]
    sizes = [(side, side), (side, 2 * side)]  # whole blocks of HaloNet
    if "bot" in architecture or "rpt" in architecture:
        return [({"img_size": size}, [size]) for size in sizes]
    return [({}, sizes)]


def at_size(folder: pathlib.Path, architecture: str, source, size: tuple[int, int]):
    """`source`, or for a Swin another from its files: what it keeps for a size follows that."""
    if factory.family_of(architecture) != "swin":
        return source
    timm = import_oracle("timm")
    return timm.create_model(f"local-dir:{folder}", pretrained=True, img_size=size).eval()


def pytorchcv_model(entry):
    """pytorchcv's model that an entry of the index names, with random weights."""
    torch = import_oracle("torch")
    torch.manual_seed(0)
    name = entry.origin["member"].partition("-")[0]  # such as cbam_resnet50
    module = import_oracle(f"pytorchcv.models.{name.partition('_')[0]}resnet")
    source = getattr(module, name)().eval()
    randomise(source)
    source.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # its own fits 224 pixels only
    return source


def pytorchcv_into(model, entry):
    """That model, whose weights `model` gets too."""
    source = pytorchcv_model(entry)
    state = {name: tensor.numpy() for name, tensor in source.state_dict().items()}
    weights = {weight.path: weight for weight in model.weights}
    for path, array in building.from_state(model, state, entry).items():
        weights[path].assign(np.array(array, "float32", order="C"))
    return source
