"""timm's Swin Transformers against ours with their weights."""

import functools
import math

import numpy as np
import pytest
from keras import ops

from keras_attention import models, zoo
from keras_attention.models import factory, swin
from keras_attention.zoo.convert import TIMM, positions, rules
from tests.backends import cases, on_torch_alone
from tests.models.nets import outputs, without_memory
from tests.torch_oracles.core import import_oracle
from tests.zoo import parity

# torch's about how timm resizes tables.
pytestmark = pytest.mark.filterwarnings(
    "ignore:torch.searchsorted", "ignore:Using a non-tuple sequence"
)

# Few blocks and two heads suffice, since with and without a shift is where blocks differ.
CUT = {"depths": (2, 1, 1, 2), "width": 64}
TIMM_CUT = {"depths": (2, 1, 1, 2), "embed_dim": 64, "num_heads": (2, 4, 8, 16)}

# Sizes at which maps are larger than the windows, as large, and smaller, along either axis, and
# where the merging of patches meets odd sides; none is such that windows are padded.
CASES = [
    ("swin_tiny_patch4_window7_224", (224, 224)),
    ("swin_s3_tiny_224", (112, 224)),
    ("swinv2_tiny_window8_256", (64, 28)),
    ("swinv2_tiny_window16_256", (128, 128)),
    ("swinv2_base_window12to24_192to384", (96, 192)),
]
# Every name of a tensor, but none of its numbers.
NAMES = [
    "swin_base_patch4_window12_384",
    "swin_s3_small_224",
    "swinv2_tiny_window16_256",
    "swinv2_large_window12to24_192to384",
]
# Sizes at which windows are padded.
PADDED = [
    ("swin_tiny_patch4_window7_224", (160, 192)),
    ("swinv2_tiny_window8_256", (72, 101)),
]


def files(folder, architecture, monkeypatch) -> None:
    """The files of timm's model, cut down here and there, with large weights where it has small."""
    variant = {**swin.VARIANTS[architecture], **CUT}
    monkeypatch.setitem(swin.VARIANTS, architecture, variant)
    source = parity.timm_folder(folder, architecture, **TIMM_CUT)
    with import_oracle("torch").no_grad():
        for name, tensor in source.named_parameters():
            if name.endswith("relative_position_bias_table"):
                tensor.mul_(25)
            elif name.endswith("logit_scale"):
                tensor.uniform_(2, 5)  # up to beyond log 100, where it is cut off
    import_oracle("timm.models._hub").save_for_hf(source, folder, safe_serialization=True)


def reloaded(folder, size, **options):
    """timm's model for another size from its files: what it keeps for a size follows that."""
    timm = import_oracle("timm")
    options = {"img_size": size, **TIMM_CUT, **options}
    return timm.create_model(f"local-dir:{folder}", pretrained=True, **options).eval()


@pytest.mark.parametrize(
    ("architecture", "size"), cases(CASES, "swin_s3_tiny_224", "swinv2_tiny_window8_256")
)
def test_timm(tmp_path, monkeypatch, architecture, size):
    files(tmp_path, architecture, monkeypatch)
    model = zoo.load(str(tmp_path), input_shape=(*size, 3))
    assert parity.error(model, reloaded(tmp_path, size), size) <= parity.LIMIT


@pytest.mark.parametrize(("architecture", "size"), cases(PADDED, "swinv2_tiny_window8_256"))
def test_timm_where_windows_are_padded(tmp_path, monkeypatch, architecture, size):
    """With the order of the paper's authors and of torchvision: first the padding, then the shift.

    timm shifts first, so that pixels of opposite edges share a window, and its logits differ.
    """
    files(tmp_path, architecture, monkeypatch)
    model, source = zoo.load(str(tmp_path), input_shape=(*size, 3)), reloaded(tmp_path, size)
    assert parity.error(model, source, size) > parity.LIMIT
    for module in source.modules():
        if hasattr(module, "_attn"):
            module._attn = functools.partial(pad_first, module.window_size, module._attn)
    assert parity.error(model, source, size) <= parity.LIMIT


def test_levels_are_timms(tmp_path, monkeypatch):
    size = (112, 56)
    files(tmp_path, CASES[0][0], monkeypatch)
    model = zoo.load(str(tmp_path), input_shape=(*size, 3), features_only=True)
    images = np.random.default_rng(0).integers(0, 256, (1, *size, 3), "uint8")
    normalised = ops.convert_to_numpy(model.get_layer("normalize")(images))
    torch = import_oracle("torch")
    with torch.no_grad():
        x = torch.from_numpy(normalised.transpose(0, 3, 1, 2).copy())
        expected = reloaded(tmp_path, size, features_only=True)(x)
    for one, other in zip(outputs(model, images).values(), expected, strict=True):
        error = np.abs(one - other.numpy()).max()
        assert error <= parity.LIMIT * np.abs(other.numpy()).max()


def test_other_attention_leaves_the_rest_as_it_was(tmp_path, monkeypatch, caplog):
    files(tmp_path, CASES[2][0], monkeypatch)
    own = {"type": "window", "version": 2}
    options = {"input_shape": (64, 28, 3), "features_only": True}
    model = zoo.load(str(tmp_path), attention=[own, own, own, [own, "cbam"]], **options)
    assert "random are stage4_block2_attention" in caplog.text
    source = zoo.load(str(tmp_path), **options)
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 28, 3), "uint8")
    found, expected = outputs(model, images), outputs(source, images)
    near = [np.allclose(found[level], expected[level], rtol=1e-4, atol=1e-5) for level in expected]
    assert near == [True, True, True, False]


def pad_first(window, attention, x):
    """`attention` on a map (B, H, W, C) that was padded before."""
    height, width = x.shape[1:3]
    below, right = (-side % one for side, one in zip((height, width), window, strict=True))
    x = import_oracle("torch").nn.functional.pad(x, (0, 0, 0, right, 0, below))
    return attention(x)[:, :height, :width]


@on_torch_alone
@pytest.mark.parametrize("architecture", NAMES)
def test_every_tensor_of_timm_has_a_place(architecture):
    timm, torch = import_oracle("timm"), import_oracle("torch")
    with torch.device("meta"):
        source = timm.create_model(architecture, pretrained=False)
    with without_memory():
        model = models.build(architecture)
    arguments = factory.arguments_of(architecture)
    size = arguments["size"]
    table = TIMM["swin"]({**arguments, "input_shape": (size, size, 3)})
    shapes = {name: tuple(tensor.shape) for name, tensor in source.state_dict().items()}
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    assert rules.plan(shapes, table, wanted, "timm")
    parameters = sum(parameter.numel() for parameter in source.parameters())
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == parameters


@on_torch_alone
@pytest.mark.parametrize("version", [1, 2])
def test_every_variant_is_timms(monkeypatch, version):
    """By the arguments that timm has for each, without a model."""
    suffix = {1: "", 2: "_v2"}[version]
    timm = import_oracle(f"timm.models.swin_transformer{suffix}")
    monkeypatch.setattr(
        timm, f"_create_swin_transformer{suffix}", lambda variant, pretrained, **options: options
    )
    names = [name.partition(".")[0] for name in timm.default_cfgs]
    ours = {
        name: x for name, x in swin.VARIANTS.items() if x.get("post_norm", False) is (version == 2)
    }
    assert set(names) == set(ours)
    for name, found in ours.items():
        expected = getattr(timm, name)()
        assert found["depths"] == expected["depths"]
        assert found["width"] == expected["embed_dim"]
        assert found["window_size"] == expected["window_size"]
        assert found.get("pretrained_windows") == expected.get("pretrained_window_sizes")
        assert expected["num_heads"] == tuple(found["width"] // 32 * 2**stage for stage in range(4))
        assert found["size"] == timm.default_cfgs[name].default.input_size[-1]


@on_torch_alone
@pytest.mark.parametrize("window", [(7, 7), (5, 6), (7, 2), (9, 4), (1, 1), (40, 3)])
def test_tables_are_resized_as_timm_does(window):
    torch = import_oracle("torch")
    resize = import_oracle("timm.layers").resize_rel_pos_bias_table
    table = np.random.default_rng(0).normal(size=(13 * 13, 3)).astype("float32")
    shape = ((2 * window[0] - 1) * (2 * window[1] - 1), 3)
    expected = resize(torch.from_numpy(table.copy()), window, shape).numpy()
    found = positions.table(table, window)
    assert found.shape == shape
    assert np.abs(found - expected).max() <= 1e-5


def test_a_table_of_the_window_itself_is_kept():
    table = np.random.default_rng(0).normal(size=(9 * 11, 3))
    assert positions.table(table, (5, 6)) is table
    with pytest.raises(ValueError, match="neither of a square nor of a window"):
        positions.table(table, (6, 6))
