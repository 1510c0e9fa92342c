"""Poolings and the gate of Attention U-Net, by torch and timm, with the weights of our layers."""

import numpy as np

from tests.torch_oracles.core import array_of, copy_dense, copy_norm, from_torch, to_torch


def copy_attention_pool(source, layer) -> None:
    """timm's AttentionPoolLatent -> AttentionPool."""
    layer.latent.assign(array_of(source.latent))
    copy_dense(source.q, layer.query)
    copy_dense(source.kv, layer.key_value)
    copy_dense(source.proj, layer.proj)
    if layer.use_norm:
        copy_norm(source.norm, layer.norm)
    copy_dense(source.mlp.fc1, layer.mlp_in)
    copy_dense(source.mlp.fc2, layer.mlp_out)


def grid_attention(x, g, weights):
    """What `ozan-oktay/Attention-Gated-Networks` makes of channels-last NumPy maps in inference.

    GridAttentionBlock2D with today's `interpolate` in place of `upsample`, which since 2018 no
    longer aligns the corners by default.
    """
    import torch.nn.functional as F

    x, g = to_torch(x), to_torch(g)
    kernel = {name: _kernel(weights[f"{name}/kernel"]) for name in ("theta", "phi", "psi", "out")}
    bias = {name: to_torch(weights[f"{name}/bias"]) for name in ("phi", "psi", "out")}
    theta = F.conv2d(x, kernel["theta"], stride=kernel["theta"].shape[2:])
    phi = F.conv2d(g, kernel["phi"], bias["phi"])
    phi = F.interpolate(phi, size=theta.shape[2:], mode="bilinear", align_corners=False)
    gate = F.conv2d(F.relu(theta + phi), kernel["psi"], bias["psi"]).sigmoid()
    gate = F.interpolate(gate, size=x.shape[2:], mode="bilinear", align_corners=False)
    y = F.conv2d(gate * x, kernel["out"], bias["out"])
    parts = ("moving_mean", "moving_variance", "gamma", "beta")
    y = F.batch_norm(y, *(to_torch(weights[f"norm/{part}"]) for part in parts), eps=1e-5)
    return from_torch(y), from_torch(gate)[..., 0]


def _kernel(weight):
    """Keras (*size, in, out) -> torch (out, in, *size)."""
    return to_torch(np.transpose(weight, (3, 2, 0, 1)), "channels_first")
