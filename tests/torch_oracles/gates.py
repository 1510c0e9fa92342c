"""Weights of other libraries' gates -> ours: one recipe per pair, `copy_x(source, layer)`."""

from tests.torch_oracles.core import assign, copy_conv, copy_dense, copy_norm, kernel_of


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
    kernel = kernel_of(source.conv)
    assign(layer.conv, kernel[:, :, ::-1] if mean_first else kernel)
    copy_norm(source.bn, layer.norm)


def copy_cbam(source, layer) -> None:
    """pytorchcv's CbamBlock -> CBAM."""
    copy_channel_gate(source.ch_gate.mlp, layer.channel_gate)
    copy_spatial_gate(source.sp_gate.conv, layer.spatial_gate)


def copy_timm_cbam(source, layer) -> None:
    """timm's CbamModule -> CBAM(use_bias=False), or with biases after mlp_bias=True."""
    copy_channel_gate(source.channel, layer.channel_gate)
    copy_spatial_gate(source.spatial.conv, layer.spatial_gate, mean_first=True)


def copy_ese(source, layer) -> None:
    """timm's EffectiveSEModule -> EffectiveSqueezeExcite."""
    copy_dense(source.fc, layer.excite)


def copy_bam(source, layer) -> None:
    """pytorchcv's BamBlock -> BAM(combine="product")."""
    channel, space = source.ch_att, source.sp_att
    copy_dense(channel.init_fc.fc, layer.channel_squeeze)
    copy_norm(channel.init_fc.bn, layer.channel_norm)
    copy_dense(channel.final_fc, layer.channel_excite)
    copy_conv(space.init_conv.conv, layer.spatial_reduce)
    copy_norm(space.init_conv.bn, layer.spatial_norm)
    for block, conv, norm in zip(space.dil_convs, layer.dilated, layer.dilated_norm, strict=True):
        copy_conv(block.conv, conv)
        copy_norm(block.bn, norm)
    copy_conv(space.final_conv, layer.spatial_out)
