"""Names of attention layers, and how a spec becomes a layer."""

import inspect
from collections.abc import Callable, Mapping

import keras

from .base import AttentionLayer
from .channel.channel_gate import ChannelGate
from .channel.eca import EfficientChannelAttention
from .channel.ese import EffectiveSqueezeExcite
from .channel.gct import GatedChannelTransform
from .channel.ge import GatherExcite
from .channel.se import SqueezeExcite
from .channel.srm import StyleRecalibration
from .checks import nearest
from .context.gc import GlobalContext
from .context.sk import SelectiveKernel
from .context.split import SplitAttention
from .multi_head.block import BlockAttention
from .multi_head.bot import BottleneckAttention
from .multi_head.class_attention import ClassAttention
from .multi_head.grid import GridAttention
from .multi_head.halo import HaloAttention
from .multi_head.linear import LinearAttention
from .multi_head.mhsa import MultiHeadSelfAttention
from .multi_head.talking_heads import TalkingHeadsAttention
from .multi_head.window import WindowAttention
from .multi_head.xca import CrossCovarianceAttention
from .pooling.additive import AdditiveAttention
from .pooling.attention_gate import AttentionGate
from .pooling.attention_pool import AttentionPool
from .pooling.context_vector import ContextVectorAttention
from .pooling.dot_product import DotProductAttention
from .pooling.gated_pool import GatedAttentionPool
from .pooling.soft_visual import SoftVisualAttention
from .spatial.bam import BAM
from .spatial.cbam import CBAM
from .spatial.coordinate import CoordinateAttention
from .spatial.lka import LargeKernelAttention
from .spatial.polarized import PolarizedSelfAttention
from .spatial.scse import ConcurrentSqueezeExcite
from .spatial.shuffle import ShuffleAttention
from .spatial.simam import SimAM
from .spatial.spatial_gate import SpatialGate
from .spatial.sse import SpatialSqueezeExcite
from .spatial.triplet import TripletAttention
from .structured.chain_crf import LinearChainCRF
from .structured.conv_crf import ConvCRF
from .structured.grid_crf import GridCRFAttention
from .structured.structured import StructuredAttention
from .tokens.token_merge import TokenMerging
from .tokens.token_select import TokenSelection
from .video.divided import DividedSpaceTimeAttention
from .video.joint import JointSpaceTimeAttention
from .video.temporal import TemporalAttention
from .whole_map.axial import AxialAttention
from .whole_map.bat import BilinearAttentionTransform
from .whole_map.channel_affinity import ChannelAffinityAttention
from .whole_map.criss_cross import CrissCrossAttention
from .whole_map.deformable import DeformableAttention2D
from .whole_map.double import DoubleAttention
from .whole_map.dual import DualAttention
from .whole_map.external import ExternalAttention
from .whole_map.lambda_layer import LambdaLayer
from .whole_map.non_local import NonLocal
from .whole_map.position import PositionAttention
from .whole_map.sagan import SelfAttention2D

# None, a key, {"type": key, ...options}, a layer class, or a function that returns a layer.
Spec = str | Mapping[str, object] | type[keras.layers.Layer] | Callable[..., keras.layers.Layer]

ATTENTION: dict[str, type[AttentionLayer]] = {
    "additive": AdditiveAttention,
    "attention_gate": AttentionGate,
    "attention_pool": AttentionPool,
    "axial": AxialAttention,
    "bam": BAM,
    "bat": BilinearAttentionTransform,
    "block": BlockAttention,
    "bot": BottleneckAttention,
    "cbam": CBAM,
    "chain_crf": LinearChainCRF,
    "channel_affinity": ChannelAffinityAttention,
    "channel_gate": ChannelGate,
    "class": ClassAttention,
    "context_vector": ContextVectorAttention,
    "conv_crf": ConvCRF,
    "coordinate": CoordinateAttention,
    "criss_cross": CrissCrossAttention,
    "deformable": DeformableAttention2D,
    "divided": DividedSpaceTimeAttention,
    "dot_product": DotProductAttention,
    "double": DoubleAttention,
    "dual": DualAttention,
    "eca": EfficientChannelAttention,
    "ese": EffectiveSqueezeExcite,
    "external": ExternalAttention,
    "gated_pool": GatedAttentionPool,
    "gc": GlobalContext,
    "gct": GatedChannelTransform,
    "ge": GatherExcite,
    "grid": GridAttention,
    "grid_crf": GridCRFAttention,
    "halo": HaloAttention,
    "joint": JointSpaceTimeAttention,
    "lambda": LambdaLayer,
    "linear": LinearAttention,
    "lka": LargeKernelAttention,
    "mhsa": MultiHeadSelfAttention,
    "non_local": NonLocal,
    "polarized": PolarizedSelfAttention,
    "position": PositionAttention,
    "sagan": SelfAttention2D,
    "scse": ConcurrentSqueezeExcite,
    "se": SqueezeExcite,
    "shuffle": ShuffleAttention,
    "simam": SimAM,
    "sk": SelectiveKernel,
    "soft_visual": SoftVisualAttention,
    "spatial_gate": SpatialGate,
    "split": SplitAttention,
    "srm": StyleRecalibration,
    "sse": SpatialSqueezeExcite,
    "structured": StructuredAttention,
    "talking_heads": TalkingHeadsAttention,
    "temporal": TemporalAttention,
    "token_merge": TokenMerging,
    "token_select": TokenSelection,
    "triplet": TripletAttention,
    "window": WindowAttention,
    "xca": CrossCovarianceAttention,
}

# Other libraries' names for a layer of ours, with the options that make it the same.
ALIASES: dict[str, dict[str, object]] = {
    "a2": {"type": "double"},
    "bahdanau": {"type": "additive"},
    "bottleneck": {"type": "bot"},
    "ccnet": {"type": "criss_cross"},
    "ceca": {"type": "eca", "circular": True},
    "coord": {"type": "coordinate"},
    "crf": {"type": "chain_crf"},
    "danet": {"type": "dual"},
    "evit": {"type": "token_select"},
    "gca": {"type": "gc", "fuse": "add"},
    "luong": {"type": "dot_product"},
    "map_pool": {"type": "attention_pool"},
    "nl": {"type": "non_local"},
    "splat": {"type": "split"},
    "swin": {"type": "window"},
    "tome": {"type": "token_merge"},
}

# Names that mean different layers in different libraries: refused, with what to look at.
FALSE_FRIENDS: dict[str, str] = {
    "ecam": "timm's ECA with a dense layer; the nearest here is 'eca'",
    "ela": "timm's has a SiLU that its paper has not; the nearest here is 'coordinate'",
    "lcbam": "timm's CBAM that pools before its MLP; the nearest here is 'cbam'",
    "sa": "split, self- or shuffle attention; the nearest here is 'split', 'mhsa' or 'shuffle'",
    "scoord": "timm's adds the two strips before its gate; the nearest here is 'coordinate'",
    "strip": "timm's gate from depth-wise strips; the nearest here is 'coordinate'",
}

KINDS = ("channel", "pairwise", "pool", "spatial", "temporal")
SLOTS = ("gate", "logits", "mixer", "pair", "pool", "token")


def get(spec: Spec | None, **options) -> keras.layers.Layer | None:
    """A fresh attention layer for `spec`, or None for None.

    Args:
        spec: A key such as "cbam"; a dict {"type": "cbam", "reduction": 8}; a layer class; a
            function that returns a layer.
        **options: Arguments of the layer, merged over those of a dict.
    Raises: ValueError for an unknown name or option, with the nearest known one, and for a layer
        instance, since each block needs a layer of its own.

    >>> layers.get("se", reduction=8).reduction
    8
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        spec = {"type": spec}
    if isinstance(spec, Mapping):
        make, named = _look_up(spec)
        options = {**named, **options}
    elif callable(spec):
        make = spec
    else:
        raise ValueError(
            "attention must be None, a key, a dict with a 'type', a layer class or a function that "
            f"returns a layer. Received: spec={spec!r}"
        )
    if isinstance(make, keras.layers.Layer):
        raise ValueError(
            "attention must be a key, a dict, a class or a function, since each block needs its "
            f"own layer: pass the class. Received an instance: {make!r}"
        )
    _check_options(make, options)
    layer = make(**options)
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(
            f"A function given as attention must return a keras.layers.Layer. Received: {layer!r}"
        )
    return layer


def list_layers(kind: str | None = None, slot: str | None = None) -> list[str]:
    """The sorted keys of all layers, or of those of one kind of scores and one place in a model.

    Args:
        kind: "channel", "pairwise", "pool", "spatial" or "temporal".
        slot: "gate" (after a convolution, same shape), "mixer" (instead of a convolution), "token"
            (on a sequence), "pool" (many positions to few vectors), "pair" (several inputs) or
            "logits" (on class scores).
    Raises: ValueError for another `kind` or `slot`, with the nearest known one.

    >>> layers.list_layers(kind="channel", slot="mixer")
    ['sk', 'split']
    """
    for name, value, known in (("kind", kind, KINDS), ("slot", slot, SLOTS)):
        if value is not None and value not in known:
            raise ValueError(
                f"{name} must be one of {list(known)}.{nearest(value, known)} "
                f"Received: {name}={value!r}"
            )
    return sorted(
        key
        for key, layer in ATTENTION.items()
        if (kind is None or kind in _kinds(layer)) and (slot is None or slot in layer.slots)
    )


def _kinds(layer) -> set[str]:
    kinds = layer.score_kind
    return set(kinds.values()) if isinstance(kinds, dict) else {kinds}


def _look_up(spec: Mapping) -> tuple[Callable[..., keras.layers.Layer], dict]:
    """The class and the options that a dict with a 'type' stands for."""
    options = dict(spec)
    key = options.pop("type", None)
    if not isinstance(key, (str, type)) and not callable(key):
        raise ValueError(
            "A dict that describes attention needs a 'type', such as {'type': 'se'}. "
            f"Received: spec={dict(spec)!r}"
        )
    if not isinstance(key, str):
        return key, options
    name = key.lower().replace("-", "_")
    if name in ALIASES:
        return _look_up({**ALIASES[name], **options})
    if name in FALSE_FRIENDS:
        raise ValueError(
            f"{name!r} means different layers in different libraries: {FALSE_FRIENDS[name]}. "
            f"Received: spec={key!r}"
        )
    if name not in ATTENTION:
        known = sorted([*ATTENTION, *ALIASES])
        raise ValueError(
            f"Unknown attention layer.{nearest(name, known)} Received: spec={key!r}. "
            f"Known: {', '.join(known)}."
        )
    return ATTENTION[name], options


def _check_options(make: Callable, options: Mapping) -> None:
    """Refuse an option that the class, its bases or the function do not name."""
    known = _parameters(make)
    if known is None or not options.keys() - known:
        return
    option = next(option for option in options if option not in known)
    owner = getattr(make, "__name__", repr(make))
    if not isinstance(make, type) and option == "name":
        raise ValueError(
            f"The function {owner} must take name=..., since every layer of a model has a stable "
            f"name. Received: name={options[option]!r}"
        )
    raise ValueError(
        f"{owner} has no option {option!r}.{nearest(option, known)} "
        f"Received: {option}={options[option]!r}. Known: {', '.join(sorted(known))}."
    )


def _parameters(make: Callable) -> set[str] | None:
    """The names that `make` accepts; None where it accepts any."""
    if not isinstance(make, type):
        parameters = inspect.signature(make).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return None
        return {parameter.name for parameter in parameters}
    names: set[str] = set()
    for base in make.__mro__:
        if base in (keras.Operation, object) or "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return names - {"self"}
