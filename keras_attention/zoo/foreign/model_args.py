"""What a checkpoint's description says of timm's model beside its architecture."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...models import factory
from ..errors import ConversionError

# Arguments of timm's models that matter to training only, or are known from elsewhere.
HARMLESS = (
    "attn_drop_rate", "checkpoint_path", "drop_block_rate", "drop_path_rate", "drop_rate",
    "dynamic_img_size", "fix_init", "num_classes", "patch_drop_rate", "pos_drop_rate",
    "pretrained", "proj_drop_rate", "strict_img_size", "weight_init", "zero_init_last",
)  # fmt: skip
# Arguments that another number or shape of weights would give away when they are loaded.
VISIBLE = (
    "channels", "class_token", "depth", "depths", "embed_dim", "init_values", "layers", "mlp_ratio",
    "patch_size", "qkv_bias", "reg_tokens",
)  # fmt: skip
KNOWN = (*HARMLESS, *VISIBLE, "global_pool", "img_size", "in_chans", "num_heads", "qk_norm")


class Told(NamedTuple):
    """The size of the images, the pooling and the attention, each None where nothing is said."""

    size: tuple[int, int] | None = None
    pool: str | None = None
    attention: Mapping[str, Any] | None = None


def read(given: Mapping[str, Any], architecture: str, source: str) -> Told:
    """What `model_args` mean here.

    Raises: ConversionError for an argument that would make another network than is built here.
    """
    if architecture not in factory.list_architectures():
        return Told()  # whoever builds it says so
    own = factory.arguments_of(architecture)
    vit = factory.family_of(architecture) == "vit"
    fixed = {"in_chans": 3}
    if vit:  # whose tensors have the same shapes for any number of heads
        fixed["num_heads"] = own["attention"]["num_heads"]
    else:
        fixed["qk_norm"] = False
    unknown = {
        name: value
        for name, value in given.items()
        if name not in KNOWN or (name in fixed and value != fixed[name])
    }
    if unknown:
        raise ConversionError(
            f"{source}: these arguments of timm's model make another network than is built here. "
            f"Expected only {list(KNOWN)}. Received: model_args={unknown}"
        )
    size = given.get("img_size")
    attention = None
    if given.get("qk_norm"):
        norm = "rms" if own.get("norm") == "rms" else "layer"
        attention = {**own["attention"], "qk_norm": norm}
    return Told(None if size is None else _pair(size, source), given.get("global_pool"), attention)


def _pair(size: Any, source: str) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(pair) != 2 or any(isinstance(one, bool) or not isinstance(one, int) for one in pair):
        raise ConversionError(f"{source}: img_size is one or two integers. Received: {size!r}")
    return pair
