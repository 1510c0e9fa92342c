"""Attention layers for Keras 3, each found by its name or by its class."""

from .base import AttentionLayer
from .channel.channel_gate import ChannelGate
from .channel.eca import EfficientChannelAttention
from .channel.se import SqueezeExcite
from .registry import Spec, get, list_layers
from .spatial.cbam import CBAM
from .spatial.spatial_gate import SpatialGate

__all__ = [
    "CBAM",
    "AttentionLayer",
    "ChannelGate",
    "EfficientChannelAttention",
    "SpatialGate",
    "Spec",
    "SqueezeExcite",
    "get",
    "list_layers",
]
