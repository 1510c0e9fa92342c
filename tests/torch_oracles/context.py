"""Weights of other libraries' context layers and selective convolutions -> ours."""

from tests.torch_oracles.core import copy_conv, copy_dense, copy_norm


def copy_global_context(source, layer) -> None:
    """timm's GlobalContext -> GlobalContext with the same fusion."""
    perceptron = source.mlp_add if layer.fuse == "add" else source.mlp_scale
    copy_dense(source.conv_attn, layer.score)
    copy_dense(perceptron.fc1, layer.squeeze)
    copy_norm(perceptron.norm, layer.norm)
    copy_dense(perceptron.fc2, layer.expand)


def copy_timm_selective_kernel(source, layer) -> None:
    """timm's SelectiveKernel -> SelectiveKernel."""
    for path, conv, norm in zip(source.paths, layer.paths, layer.path_norms, strict=True):
        copy_conv(path.conv, conv)
        copy_norm(path.bn, norm)
    copy_dense(source.attn.fc_reduce, layer.squeeze)
    copy_norm(source.attn.bn, layer.norm)
    copy_dense(source.attn.fc_select, layer.select)


def copy_selective_kernel(source, layer) -> None:
    """pytorchcv's SKConvBlock -> SelectiveKernel."""
    branches = source.branches.children()
    for path, conv, norm in zip(branches, layer.paths, layer.path_norms, strict=True):
        copy_conv(path.conv, conv)
        copy_norm(path.bn, norm)
    copy_dense(source.fc1.conv, layer.squeeze)
    copy_norm(source.fc1.bn, layer.norm)
    copy_dense(source.fc2, layer.select)


def copy_timm_split_attention(source, layer) -> None:
    """timm's SplitAttn(norm_layer=BatchNorm2d) -> SplitAttention."""
    copy_conv(source.conv, layer.conv)
    copy_norm(source.bn0, layer.norm)
    copy_conv(source.fc1, layer.squeeze)
    copy_norm(source.bn1, layer.squeeze_norm)
    copy_conv(source.fc2, layer.attend)


def copy_split_attention(source, layer) -> None:
    """pytorchcv's SAConvBlock with one group -> SplitAttention."""
    copy_conv(source.conv.conv, layer.conv)
    copy_norm(source.conv.bn, layer.norm)
    copy_conv(source.att.conv1, layer.squeeze)
    copy_norm(source.att.bn, layer.squeeze_norm)
    copy_conv(source.att.conv2, layer.attend)
