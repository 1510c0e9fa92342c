"""Mixed gates: timm's weights -> ours, and what authors' code computes, said in torch's functions.

The repositories named below are no packages, so their equations are written out here. Each such
function takes a channels-last array and our weights by path, and returns a channels-last array.
"""

import numpy as np

from tests.torch_oracles.core import copy_dense, copy_norm, from_torch, to_torch


def copy_coordinate(source, layer) -> None:
    """timm's CoordAttn(bias=True) -> CoordinateAttention."""
    copy_dense(source.conv1, layer.squeeze)
    copy_norm(source.bn1, layer.norm)
    copy_dense(source.conv_h, layer.height)
    copy_dense(source.conv_w, layer.width)


def triplet(x, weights, use_spatial=True) -> np.ndarray:
    """landskape-ai/triplet-attention: the same gate on three permutations of the map."""
    import torch

    def gate(x, name):
        pooled = torch.stack([x.amax(1), x.mean(1)], 1)
        logits = conv2d(pooled, weights[f"{name}/conv/kernel"])
        return x * torch.sigmoid(batch_norm(logits, weights, f"{name}/norm"))

    x = to_torch(x)  # (B, C, H, W)
    branches = [
        gate(x.transpose(1, 2), "cw").transpose(1, 2),  # an image (C, W) with H channels
        gate(x.transpose(1, 3), "hc").transpose(1, 3),  # an image (H, C) with W channels
    ]
    if use_spatial:
        branches.append(gate(x, "hw"))
    return from_torch(torch.stack(branches).mean(0))


def shuffle(x, weights, groups) -> np.ndarray:
    """wofmanaf/SA-Net: the groups join the batch, and a group norm has one channel to a group."""
    import torch
    import torch.nn.functional as F

    def shared(name):
        return torch.from_numpy(weights[name]).view(1, -1, 1, 1)

    x = to_torch(x)
    batch, channels, height, width = x.shape
    halves = x.reshape(batch * groups, channels // groups, height, width)
    a, b = halves.chunk(2, 1)
    mean = a.mean((2, 3), keepdim=True)
    affine = (torch.from_numpy(weights[f"norm/{part}"]) for part in ("gamma", "beta"))
    normal = F.group_norm(b, b.shape[1], *affine, eps=1e-5)
    a = a * torch.sigmoid(shared("channel_scale") * mean + shared("channel_shift"))
    b = b * torch.sigmoid(shared("space_scale") * normal + shared("space_shift"))
    joined = torch.cat([a, b], 1).reshape(batch, channels, height, width)
    return from_torch(F.channel_shuffle(joined, 2))


def polarized(x, weights, mode) -> np.ndarray:
    """xmu-xiaoma666/External-Attention-pytorch: products of (C, N) and (N, 1) matrices."""
    import torch
    import torch.nn.functional as F

    def project(z, name):
        kernel = torch.from_numpy(weights[f"{name}/kernel"].T)[:, :, None]
        return F.conv1d(z, kernel, torch.from_numpy(weights[f"{name}/bias"]))

    x = to_torch(x)
    flat = x.flatten(2)  # (B, C, N)
    query = project(flat, "channel_query").softmax(2)
    z = project(project(flat, "channel_value") @ query.transpose(1, 2), "channel_out")
    affine = (torch.from_numpy(weights[f"norm/{part}"]) for part in ("gamma", "beta"))
    channel = torch.sigmoid(F.layer_norm(z[:, :, 0], z.shape[1:2], *affine)[:, :, None])
    source = flat if mode == "parallel" else flat * channel
    query = project(source, "space_query").mean(2, keepdim=True).softmax(1)
    space = torch.sigmoid(query.transpose(1, 2) @ project(source, "space_value"))
    y = flat * channel + flat * space if mode == "parallel" else source * space
    return from_torch(y.reshape(x.shape))


def large_kernel(x, weights, dilation=3) -> np.ndarray:
    """Visual-Attention-Network/VAN-Classification: convolutions with a group per channel."""
    x = to_torch(x)
    factor = x
    for name, holes in (("local", 1), ("dilated", dilation)):
        kernel = weights[f"{name}/kernel"].swapaxes(2, 3)  # (rows, columns, 1, channels)
        factor = conv2d(factor, kernel, weights[f"{name}/bias"], holes, groups=x.shape[1])
    factor = conv2d(factor, weights["point/kernel"], weights["point/bias"])
    return from_torch(x * factor)


def conv2d(x, kernel, bias=None, dilation=1, groups=1):
    """A Keras kernel's convolution of equal size."""
    import torch
    import torch.nn.functional as F

    padding = [side // 2 * dilation for side in kernel.shape[:2]]
    kernel = torch.from_numpy(np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1))))
    bias = None if bias is None else torch.from_numpy(bias)
    return F.conv2d(x, kernel, bias, padding=padding, dilation=dilation, groups=groups)


def batch_norm(x, weights, name, epsilon=1e-5):
    """In inference, with a Keras normalisation's weights."""
    import torch
    import torch.nn.functional as F

    parts = ("moving_mean", "moving_variance", "gamma", "beta")
    return F.batch_norm(
        x, *(torch.from_numpy(weights[f"{name}/{part}"]) for part in parts), eps=epsilon
    )
