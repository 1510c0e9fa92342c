"""Other libraries' weights to ours: one table of rules per family."""

from collections.abc import Callable, Mapping, Sequence

from . import byoanet, resnet, swin, vit
from .pytorchcv import PYTORCHCV as PYTORCHCV
from .rules import Rule

# For each family of `models`, what gives the rules for timm's tensors. It takes the arguments of
# the family's builder.
TIMM: dict[str, Callable[[Mapping], Sequence[Rule]]] = {
    "byoanet": byoanet.timm,
    "resnet": resnet.timm,
    "swin": swin.timm,
    "vit": vit.timm,
}
