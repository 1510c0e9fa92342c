"""Weights of other libraries' attention over a map -> ours, and torch's own pieces as judges."""

import numpy as np

from tests.layers.tools import weight_values
from tests.torch_oracles.core import (
    array_of,
    assign,
    copy_dense,
    copy_norm,
    from_torch,
    kernel_of,
    to_torch,
)


def copy_non_local(source, layer) -> None:
    """timm's NonLocalAttn(use_scale=False) -> NonLocal(hidden=rd_channels)."""
    names = {"t": "theta", "p": "phi", "g": "value", "z": "out"}
    for theirs, ours in names.items():
        copy_dense(getattr(source, theirs), getattr(layer, ours))
    copy_norm(source.norm, layer.norm)


def copy_position(source, layer) -> None:
    """pytorchcv's PosAttBlock -> PositionAttention."""
    for name in ("query", "key", "value"):
        copy_dense(getattr(source, f"{name}_conv"), getattr(layer, name))
    copy_gamma(source, layer)


def copy_gamma(source, layer) -> None:
    """pytorchcv's ChaAttBlock -> ChannelAffinityAttention, which has nothing else."""
    layer.gamma.assign(array_of(source.scale.alpha)[0])


def copy_bilinear(source, layer) -> None:
    """timm's BatNonLocalAttn -> BilinearAttentionTransform(hidden=rd_channels)."""
    attention = source.ba
    units = {"squeeze": source.conv1, "describe": attention.conv1, "mix": attention.conv2}
    for name, unit in {**units, "expand": source.conv2}.items():
        copy_dense(unit.conv, getattr(layer, name))
        copy_norm(unit.bn, getattr(layer, f"{name}_norm"))
    for conv, dense in ((attention.conv_p, layer.rows), (attention.conv_q, layer.columns)):
        kernel = kernel_of(conv)  # (blocks, 1, groups, out) or (1, blocks, groups, out)
        assign(dense, kernel.reshape(-1, kernel.shape[-1]), conv.bias)


def tensors_of(layer) -> dict:
    """The weights of our layer as torch tensors, float64, by path."""
    import torch

    return {path: torch.from_numpy(value) for path, value in weight_values(layer).items()}


def masked_attention(x, layer, visible) -> np.ndarray:
    """x + gamma * scaled_dot_product_attention without a scale, keys j where visible[i, j]."""
    import torch

    weights, tokens = tensors_of(layer), to_torch(x.astype("float64")).flatten(2).mT
    query, key, value = (
        tokens @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]
        for name in ("query", "key", "value")
    )
    y = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=torch.from_numpy(visible), scale=1.0
    )
    return x + array_of(weights["gamma"] * y).reshape(x.shape)


def copy_spectral(source, layer) -> None:
    """torch's spectral_norm of a Linear or Conv2d -> SpectralDense or SpectralConv2D."""
    part = source.parametrizations.weight
    kernel = array_of(part.original)
    if hasattr(layer, "strides"):
        layer.kernel.assign(np.moveaxis(kernel, (0, 1), (-1, -2)))
    else:
        layer.kernel.assign(kernel.reshape(kernel.shape[:2]).T)
    layer.u.assign(array_of(part[0]._u).copy())  # torch goes on in place
    if source.bias is not None:
        layer.bias.assign(array_of(source.bias))


def sagan(channels):
    """The authors' block from torch's convolutions, poolings and spectral_norm."""
    import torch
    from torch.nn.functional import max_pool2d
    from torch.nn.utils.parametrizations import spectral_norm

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            widths = {"query": channels // 8, "key": channels // 8, "value": channels // 2}
            for name, width in widths.items():
                conv = torch.nn.Conv2d(channels, width, 1, bias=False)
                self.add_module(name, spectral_norm(conv))
            self.out = spectral_norm(torch.nn.Conv2d(channels // 2, channels, 1, bias=False))
            self.gamma = 0.7

        def forward(self, x):
            query = self.query(x).flatten(2)
            key, value = (max_pool2d(part(x), 2).flatten(2) for part in (self.key, self.value))
            weights = torch.softmax(query.mT @ key, dim=-1)  # (B, N, N / 4)
            y = (value @ weights.mT).unflatten(2, x.shape[2:])
            return x + self.gamma * self.out(y)

    return Block()


def copy_sagan(source, layer) -> None:
    """That block -> SelfAttention2D."""
    for name in ("query", "key", "value", "out"):
        copy_spectral(getattr(source, name), getattr(layer, name))
    layer.gamma.assign(source.gamma)


def deformable(x, layer) -> np.ndarray:
    """DeformableAttention2D with the sampling left to torch's grid_sample."""
    import torch

    batch, height, width, channels = x.shape
    heads, points = layer.num_heads, layer.num_points
    weights, tokens = tensors_of(layer), torch.from_numpy(x.astype("float64"))

    def project(z, name):
        return z @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def by_head(z, *rest):
        z = z.reshape(batch, height, width, heads, -1)
        return z.movedim(3, 1).reshape(batch * heads, height, width, *rest)

    value = by_head(project(tokens, "value"), channels // heads).movedim(-1, 1)
    offsets = by_head(project(tokens, "offsets"), points, 2)
    shares = torch.softmax(by_head(project(tokens, "attention_logits"), points), dim=-1)
    columns, rows = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    size = torch.tensor([width, height])
    centres = (torch.stack([columns, rows], dim=-1) + 0.5) / size  # (H, W, 2), of the map's sides
    y = torch.zeros_like(value)
    for point in range(points):
        places = centres + offsets[..., point, :] / size
        sampled = torch.nn.functional.grid_sample(
            value, 2 * places - 1, align_corners=False, padding_mode="zeros"
        )
        y = y + shares[:, None, ..., point] * sampled
    y = y.reshape(batch, heads, channels // heads, height, width).flatten(1, 2)
    return from_torch(project(y.movedim(1, -1), "out").movedim(-1, 1))
