"""Names of attention layers, and how a spec becomes a layer."""

import inspect
from collections.abc import Callable, Mapping

import keras

from .base import AttentionLayer
from .channel.channel_gate import ChannelGate
from .channel.eca import EfficientChannelAttention
from .channel.se import SqueezeExcite
from .checks import nearest
from .spatial.cbam import CBAM
from .spatial.spatial_gate import SpatialGate

# None, a key, {"type": key, ...options}, a layer class, or a function that returns a layer.
Spec = str | Mapping[str, object] | type[keras.layers.Layer] | Callable[..., keras.layers.Layer]

ATTENTION: dict[str, type[AttentionLayer]] = {
    "cbam": CBAM,
    "channel_gate": ChannelGate,
    "eca": EfficientChannelAttention,
    "se": SqueezeExcite,
    "spatial_gate": SpatialGate,
}

# Other libraries' names for a layer of ours, with the options that make it the same.
ALIASES: dict[str, dict[str, object]] = {
    "ceca": {"type": "eca", "circular": True},
}

# Names that mean different layers in different libraries: refused, with what to look at.
FALSE_FRIENDS: dict[str, str] = {
    "ecam": "timm's ECA with a dense layer; the nearest here is 'eca'",
    "lcbam": "timm's CBAM that pools before its MLP; the nearest here is 'cbam'",
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
