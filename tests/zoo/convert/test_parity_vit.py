"""The logits of timm's vision transformers."""

import math

import numpy as np
import pytest
import safetensors.numpy
from keras import ops

from keras_attention import zoo
from keras_attention.models import vit
from keras_attention.zoo.convert import vit as convert
from tests.backends import cases, on_torch_alone
from tests.torch_oracles.core import import_oracle
from tests.zoo.parity import LIMIT, error, timm_folder

# Each feature at a small width and depth, which timm's model is given too.
WIDTH, HIDDEN, HEADS, DEPTH = 24, 40, 2, 2
SMALL = {
    "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS, "dynamic_img_size": True,
}  # fmt: skip
CASES = [
    "deit_tiny_distilled_patch16_224",  # two classifiers
    "deit3_small_patch16_224",  # LayerScale, positions without the class token's
    "eva_large_patch14_196",  # the mean, normalised
    "vit_base_patch16_224_miil",  # no biases of queries, keys and values
    "vit_base_patch16_rpn_224",  # normalisation after attention and MLP
    "vit_base_patch16_clip_quickgelu_224",  # normalisation first, another GELU
    "vit_giant_patch14_reg4_dinov2",  # SwiGLU, registers, no classifier
    "vit_intern300m_patch14_448",  # no last normalisation
    "vit_large_patch16_siglip_512",  # attention as the pool, another GELU
    "vit_mediumd_patch16_rope_reg1_gap_256",  # rotary positions on a grid of reference
    "vit_small_patch16_rope_ape_224",  # rotary and learned positions
    "vit_small_patch16_rope_224",  # rotary positions that begin with x
    "vit_medium_patch16_gap_240",  # the mean of normalised tokens
    "vit_pwee_patch16_reg1_gap_256",  # attention and MLP side by side
    "vit_so150m_patch16_reg4_gap_256",  # registers with positions
    "vit_so400m_patch14_siglip_384",  # sizes that the patch does not divide
]
# One of each pool, of each sort of position and of each MLP, for backends that are not asked all.
EVERYWHERE = (
    "deit_tiny_distilled_patch16_224", "vit_giant_patch14_reg4_dinov2",
    "vit_large_patch16_siglip_512", "vit_mediumd_patch16_rope_reg1_gap_256",
    "vit_pwee_patch16_reg1_gap_256",
)  # fmt: skip


def shrink(monkeypatch, architecture: str) -> None:
    """Make our `architecture` as narrow and shallow as SMALL makes timm's."""
    variant = vit.VARIANTS[architecture]
    heads = {"num_heads": HEADS}
    small = {"width": WIDTH, "hidden": HIDDEN, "depths": (DEPTH,)}
    small["attention"] = {**variant["attention"], **heads}
    if isinstance(variant.get("pool"), dict):
        small["pool"] = {**variant["pool"], **heads, "mlp_ratio": HIDDEN / WIDTH}
    monkeypatch.setitem(vit.VARIANTS, architecture, {**variant, **small})


def sharpen(source, folder) -> None:
    """Make queries and keys large: what attention chose would hardly matter if all were equal."""
    for name, tensor in source.named_parameters():
        if name.endswith(("qkv.weight", "in_proj.weight")):
            tensor.data *= 2
    tensors = {name: tensor.numpy() for name, tensor in source.state_dict().items()}
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")


def parameters(model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


@pytest.mark.parametrize("architecture", cases(CASES, *EVERYWHERE))
def test_features(architecture, tmp_path, monkeypatch):
    shrink(monkeypatch, architecture)
    patch = vit.VARIANTS[architecture]["patch"]
    gated = vit.VARIANTS[architecture].get("activation") == "swiglu"
    ratio = ((1 + gated) * HIDDEN + 0.5) / WIDTH  # timm cuts off what is no whole unit
    # Beside the biases of an untrained head of theirs, what rotary nets see is nothing.
    classes = 0 if gated or "rope" in architecture else 7
    small = {**SMALL, "mlp_ratio": ratio, "num_classes": classes}
    sizes = [(3 * patch, 3 * patch), (4 * patch, 2 * patch)]
    if architecture.endswith("siglip_384"):
        sizes = [(3 * patch + 6, 3 * patch + 6)]
        small["dynamic_img_size"] = False
    source = timm_folder(tmp_path, architecture, img_size=sizes[0], **small)
    sharpen(source, tmp_path)
    for size in sizes:
        model = zoo.load(str(tmp_path), input_shape=(*size, 3))
        assert error(model, source, size) <= LIMIT
        if size == sizes[0]:
            assert parameters(model) == sum(tensor.numel() for tensor in source.parameters())


@on_torch_alone
def test_a_pool_that_is_not_used_is_left_out(tmp_path, monkeypatch):
    architecture = "vit_base_patch16_siglip_gap_224"
    shrink(monkeypatch, architecture)
    small = {**SMALL, "mlp_ratio": (HIDDEN + 0.5) / WIDTH, "num_classes": 0}
    source = timm_folder(tmp_path, architecture, img_size=(32, 48), **small)
    tensors = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    tensors["attn_pool.latent"] = np.zeros((1, 1, WIDTH), "float32")
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    model = zoo.load(str(tmp_path), input_shape=(32, 48, 3))
    assert error(model, source, (32, 48)) <= LIMIT


@pytest.mark.parametrize(
    "architecture", cases(["test_vit", "test_vit2", "test_vit3", "test_vit4"], "test_vit")
)
def test_logits_are_those_of_timm(architecture, tmp_path):
    """The checkpoint's size, and another that is not known when the model is made."""
    source = timm_folder(tmp_path, architecture, dynamic_img_size=True)
    fixed = zoo.load(str(tmp_path))
    assert fixed.input_shape == (None, 160, 160, 3)
    assert parameters(fixed) == sum(tensor.numel() for tensor in source.parameters())
    assert error(fixed, source, (160, 160)) <= LIMIT
    model = zoo.load(str(tmp_path), input_shape=(None, None, 3))
    assert error(model, source, (64, 96)) <= LIMIT


def test_normalised_queries_and_keys(tmp_path):
    """No published network of the family has them, but somebody's own may."""
    source = timm_folder(tmp_path, "test_vit", dynamic_img_size=True, qk_norm=True)
    assert error(zoo.load(str(tmp_path), input_shape=(64, 64, 3)), source, (64, 64)) <= LIMIT
    layer = zoo.load(str(tmp_path)).get_layer("stage1_block1_attention")
    assert layer.qk_norm == "layer" and np.ptp(ops.convert_to_numpy(layer.key_norm.gamma)) > 0.1


def test_maps_are_those_of_timm(tmp_path):
    torch = import_oracle("torch")
    source = timm_folder(tmp_path, "test_vit2")
    model = zoo.load(str(tmp_path), input_shape=(64, 96, 3), features_only=True)
    assert list(model.output) == [f"block{number}" for number in range(1, 9)]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), "uint8")
    x = torch.from_numpy(((pixels / 127.5 - 1).astype("float32")).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        expected = source.forward_intermediates(x, intermediates_only=True)
    found = model(pixels, training=False)
    for ours, theirs in zip(found.values(), expected, strict=True):
        theirs = theirs.numpy().transpose(0, 2, 3, 1)
        assert theirs.shape == (2, 4, 6, 64)
        difference = np.abs(ops.convert_to_numpy(ours) - theirs).max()
        assert difference <= LIMIT * np.abs(theirs).max()


@on_torch_alone
@pytest.mark.parametrize("architecture", ["test_vit", "vit_pwee_patch16_reg1_gap_256"])
@pytest.mark.parametrize("other", ["none", {"stage1/block1": {"type": "mhsa", "num_heads": 4}}])
def test_other_attention_keeps_the_rest(architecture, other, tmp_path, monkeypatch, caplog):
    shrink(monkeypatch, architecture)
    small = {**SMALL, "mlp_ratio": (HIDDEN + 0.5) / WIDTH, "num_classes": 7}
    source = timm_folder(tmp_path, architecture, img_size=(48, 32), **small)
    options = {"input_shape": (48, 32, 3), "attention": other}
    model = zoo.load(str(tmp_path), **options)
    found = [layer.name for layer in model.layers if layer.name.endswith("attention")]
    assert found == ([] if other == "none" else [f"stage1_block{n}_attention" for n in (1, 2)])
    assert ("stage1_block1_attention" in caplog.text) == (other != "none")
    assert "stage1_block2_attention" not in caplog.text  # the checkpoint's own
    bias = {name: tensor.detach().numpy() for name, tensor in source.named_parameters()}
    first = "mlp.fc1.bias" if architecture == "test_vit" else "in_proj.bias"
    found = ops.convert_to_numpy(model.get_layer("stage1_block2_mlp_in").bias)
    np.testing.assert_array_equal(found, bias[f"blocks.1.{first}"][:HIDDEN])


@on_torch_alone
@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (9, 2)])
def test_positions_are_resized_as_timm_does(grid):
    torch = import_oracle("torch")
    resample = import_oracle("timm.layers").resample_abs_pos_embed
    table = np.random.default_rng(0).normal(size=(1, 5 + 16, 3)).astype("float32")
    expected = resample(torch.from_numpy(table), grid, num_prefix_tokens=5).numpy()
    found = convert.split_positions(table, (1, 4), grid)
    assert [part.shape for part in found] == [(1, 1, 3), (1, 4, 3), (*grid, 3)]
    joined = np.concatenate([part.reshape(1, -1, 3) for part in found], axis=1)
    np.testing.assert_allclose(joined, expected, atol=1e-5)


def test_positions_of_a_checkpoint_on_a_rectangle():
    table = np.random.default_rng(0).normal(size=(1, 15, 3))
    (places,) = convert.split_positions(table, (), (5, 3))
    np.testing.assert_array_equal(places, table.reshape(5, 3, 3))
