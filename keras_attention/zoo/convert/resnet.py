"""Residual networks."""

from collections.abc import Mapping

from . import arrays
from .parts import batch_norm, conv, dense
from .rules import Rule

BLOCK, OURS = "layer{s}.{b}", "stage{s}_block{b+1}"


def timm(arguments: Mapping) -> tuple[Rule, ...]:
    """From the tensors of timm's ResNet, SKNet or ResNeSt."""
    shortcut = 1 if arguments.get("shortcut") == "mean" else 0  # the mean comes first
    mixer = arguments.get("mixer")
    return (
        *_stem(arguments["stem"]),
        *conv("maxpool.0", "stem_pool_conv"),
        *batch_norm("maxpool.1", "stem_pool_norm"),
        *(MIXERS[mixer["type"]] if mixer else ()),
        *conv(f"{BLOCK}.conv{{i}}", f"{OURS}_conv{{i}}"),
        *batch_norm(f"{BLOCK}.bn{{i}}", f"{OURS}_norm{{i}}"),
        *conv(f"{BLOCK}.downsample.{shortcut}", f"{OURS}_shortcut_conv"),
        *batch_norm(f"{BLOCK}.downsample.{shortcut + 1}", f"{OURS}_shortcut_norm"),
        *dense(f"{BLOCK}.se.fc1", f"{OURS}_attention/squeeze"),
        *dense(f"{BLOCK}.se.fc2", f"{OURS}_attention/excite"),
        *conv(f"{BLOCK}.se.conv", f"{OURS}_attention/conv", arrays.conv1d),
        *dense("fc", "logits"),
    )


def _stem(stem: str) -> tuple[Rule, ...]:
    if stem == "imagenet":
        return *conv("conv1", "stem_conv"), *batch_norm("bn1", "stem_norm")
    return (
        *conv("conv1.0", "stem_conv1"),
        *batch_norm("conv1.1", "stem_norm1"),
        *conv("conv1.3", "stem_conv2"),
        *batch_norm("conv1.4", "stem_norm2"),
        *conv("conv1.6", "stem_conv3"),
        *batch_norm("bn1", "stem_norm3"),
    )


# SKNet's convolutions are one level deeper.
SELECTIVE = (
    *conv(f"{BLOCK}.conv{{i}}.conv", f"{OURS}_conv{{i}}"),
    *batch_norm(f"{BLOCK}.conv{{i}}.bn", f"{OURS}_norm{{i}}"),
    *conv(f"{BLOCK}.conv{{i}}.paths.{{p}}.conv", f"{OURS}_mixer/paths_{{p+1}}"),
    *batch_norm(f"{BLOCK}.conv{{i}}.paths.{{p}}.bn", f"{OURS}_mixer/path_norms_{{p+1}}"),
    *dense(f"{BLOCK}.conv{{i}}.attn.fc_reduce", f"{OURS}_mixer/squeeze"),
    *batch_norm(f"{BLOCK}.conv{{i}}.attn.bn", f"{OURS}_mixer/norm"),
    *dense(f"{BLOCK}.conv{{i}}.attn.fc_select", f"{OURS}_mixer/select"),
)

SPLIT = (
    *conv(f"{BLOCK}.conv2.conv", f"{OURS}_mixer/conv"),
    *batch_norm(f"{BLOCK}.conv2.bn0", f"{OURS}_mixer/norm"),
    *conv(f"{BLOCK}.conv2.fc1", f"{OURS}_mixer/squeeze"),
    *batch_norm(f"{BLOCK}.conv2.bn1", f"{OURS}_mixer/squeeze_norm"),
    *conv(f"{BLOCK}.conv2.fc2", f"{OURS}_mixer/attend"),
)

MIXERS = {"sk": SELECTIVE, "split": SPLIT}
