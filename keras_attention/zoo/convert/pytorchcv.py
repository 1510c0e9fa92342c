"""pytorchcv's networks: their state dicts, since it publishes no safetensors files."""

from collections.abc import Callable, Mapping, Sequence

from .parts import batch_norm, conv, dense
from .rules import Rule

STAGE = "features.stage{s}.unit{b}"


def resnet(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of pytorchcv's ResNet, CbamResNet or BamResNet.

    Those of BAM are in the first unit after it; `between` is where ours has it.
    """
    return (
        *conv("features.init_block.conv.conv", "stem_conv"),
        *batch_norm("features.init_block.conv.bn", "stem_norm"),
        *_units(STAGE),
        *_units(f"{STAGE}.res_unit"),
        *_cbam(f"{STAGE}.cbam", "stage{s}_block{b}_attention"),
        *_bam(f"{STAGE}.bam", "stage{s-1}_attention"),
        *dense("output", "logits"),
    )


def _units(source: str) -> tuple[Rule, ...]:
    ours = "stage{s}_block{b}"
    return (
        *conv(f"{source}.body.conv{{i}}.conv", f"{ours}_conv{{i}}"),
        *batch_norm(f"{source}.body.conv{{i}}.bn", f"{ours}_norm{{i}}"),
        *conv(f"{source}.identity_conv.conv", f"{ours}_shortcut_conv"),
        *batch_norm(f"{source}.identity_conv.bn", f"{ours}_shortcut_norm"),
    )


def _cbam(source: str, ours: str) -> tuple[Rule, ...]:
    return (
        *dense(f"{source}.ch_gate.mlp.fc1", f"{ours}/channel_gate/squeeze"),
        *dense(f"{source}.ch_gate.mlp.fc2", f"{ours}/channel_gate/excite"),
        *conv(f"{source}.sp_gate.conv.conv", f"{ours}/spatial_gate/conv"),
        *batch_norm(f"{source}.sp_gate.conv.bn", f"{ours}/spatial_gate/norm"),
    )


def _bam(source: str, ours: str) -> tuple[Rule, ...]:
    return (
        *dense(f"{source}.ch_att.init_fc.fc", f"{ours}/channel_squeeze"),
        *batch_norm(f"{source}.ch_att.init_fc.bn", f"{ours}/channel_norm"),
        *dense(f"{source}.ch_att.final_fc", f"{ours}/channel_excite"),
        *conv(f"{source}.sp_att.init_conv.conv", f"{ours}/spatial_reduce"),
        *batch_norm(f"{source}.sp_att.init_conv.bn", f"{ours}/spatial_norm"),
        *conv(f"{source}.sp_att.dil_convs.conv{{i}}.conv", f"{ours}/dilated_{{i}}"),
        *batch_norm(f"{source}.sp_att.dil_convs.conv{{i}}.bn", f"{ours}/dilated_norm_{{i}}"),
        *conv(f"{source}.sp_att.final_conv", f"{ours}/spatial_out"),
    )


# Like TIMM, for pytorchcv's tensors.
PYTORCHCV: dict[str, Callable[[Mapping], Sequence[Rule]]] = {"resnet": resnet}
