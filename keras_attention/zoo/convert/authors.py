"""The residual networks of the code that the authors of CBAM and BAM published."""

from collections.abc import Mapping

from .parts import batch_norm, conv, dense
from .rules import Rule

BLOCK, OURS = "layer{s}.{b}", "stage{s}_block{b+1}"


def resnet(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of their ResidualNet, without the "module." of parallel training."""
    gate, ours = f"{BLOCK}.cbam", f"{OURS}_attention"
    return (
        *conv("conv1", "stem_conv"),
        *batch_norm("bn1", "stem_norm"),
        *conv(f"{BLOCK}.conv{{i}}", f"{OURS}_conv{{i}}"),
        *batch_norm(f"{BLOCK}.bn{{i}}", f"{OURS}_norm{{i}}"),
        *conv(f"{BLOCK}.downsample.0", f"{OURS}_shortcut_conv"),
        *batch_norm(f"{BLOCK}.downsample.1", f"{OURS}_shortcut_norm"),
        *dense(f"{gate}.ChannelGate.mlp.1", f"{ours}/channel_gate/squeeze"),
        *dense(f"{gate}.ChannelGate.mlp.3", f"{ours}/channel_gate/excite"),
        *conv(f"{gate}.SpatialGate.spatial.conv", f"{ours}/spatial_gate/conv"),
        *batch_norm(f"{gate}.SpatialGate.spatial.bn", f"{ours}/spatial_gate/norm"),
        *_bam(),
        *dense("fc", "logits"),
    )


def _bam() -> tuple[Rule, ...]:
    channel, space = "bam{s}.channel_att.gate_c.gate_c", "bam{s}.spatial_att.gate_s.gate_s"
    ours = "stage{s}_attention"
    return (
        *dense(f"{channel}_fc_0", f"{ours}/channel_squeeze"),
        *batch_norm(f"{channel}_bn_1", f"{ours}/channel_norm"),
        *dense(f"{channel}_fc_final", f"{ours}/channel_excite"),
        *conv(f"{space}_conv_reduce0", f"{ours}/spatial_reduce"),
        *batch_norm(f"{space}_bn_reduce0", f"{ours}/spatial_norm"),
        *conv(f"{space}_conv_di_{{i}}", f"{ours}/dilated_{{i+1}}"),
        *batch_norm(f"{space}_bn_di_{{i}}", f"{ours}/dilated_norm_{{i+1}}"),
        *conv(f"{space}_conv_final", f"{ours}/spatial_out"),
    )
