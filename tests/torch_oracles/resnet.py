"""Weights of other libraries' ResNets -> ours."""

import math
import re

from tests.torch_oracles.core import copy_conv, copy_dense, copy_norm

# Where the layers of our ResNets are in other libraries' module trees.

PYTORCHCV_RESNET = {
    r"stem_conv": "features.init_block.conv.conv",
    r"stem_norm": "features.init_block.conv.bn",
    r"stage(\d)_block(\d+)_conv(\d)": r"features.stage\1.unit\2.body.conv\3.conv",
    r"stage(\d)_block(\d+)_norm(\d)": r"features.stage\1.unit\2.body.conv\3.bn",
    r"stage(\d)_block(\d+)_shortcut_conv": r"features.stage\1.unit\2.identity_conv.conv",
    r"stage(\d)_block(\d+)_shortcut_norm": r"features.stage\1.unit\2.identity_conv.bn",
    r"stage(\d)_block(\d+)_attention": r"features.stage\1.unit\2.cbam",
    r"logits": "output",
}
TIMM_RESNET = {
    r"stem_conv": "conv1",
    r"stem_norm": "bn1",
    r"stage(\d)_block(\d+)_(conv\d)": r"layer\1.{index}.\3",
    r"stage(\d)_block(\d+)_norm(\d)": r"layer\1.{index}.bn\3",
    r"stage(\d)_block(\d+)_shortcut_conv": r"layer\1.{index}.downsample.0",
    r"stage(\d)_block(\d+)_shortcut_norm": r"layer\1.{index}.downsample.1",
    r"stage(\d)_block(\d+)_attention": r"layer\1.{index}.se",
    r"logits": "fc",
}


def copy_resnet(source, model, paths: dict[str, str], copy_attention) -> None:
    """All weights of a torch ResNet -> ours; `{index}` in `paths` counts blocks from 0.

    Raises AssertionError where a weight of the source has no place in ours.
    """
    recipes = {"conv": copy_conv, "norm": copy_norm, "attention": copy_attention}
    for layer in model.layers:
        if layer.weights:
            (pattern,) = (known for known in paths if re.fullmatch(known, layer.name))
            block = re.search(r"block(\d+)", layer.name)
            path = re.sub(pattern, paths[pattern], layer.name)
            path = path.format(index=int(block[1]) - 1 if block else None)
            kind = layer.name.rpartition("_")[2].rstrip("0123456789")
            recipes.get(kind, copy_dense)(source.get_submodule(path), layer)
    carried = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    present = sum(parameter.numel() for parameter in source.parameters())
    if carried != present:
        raise AssertionError(f"{carried} of the {present} parameters were carried over")
