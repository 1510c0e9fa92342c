"""Attention layers for Keras 3, each found by its name or by its class."""

from .base import AttentionLayer
from .channel.channel_gate import ChannelGate
from .channel.eca import EfficientChannelAttention
from .channel.ese import EffectiveSqueezeExcite
from .channel.gct import GatedChannelTransform
from .channel.ge import GatherExcite
from .channel.se import SqueezeExcite
from .channel.srm import StyleRecalibration
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
from .registry import Spec, get, list_layers
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

__all__ = [
    "BAM",
    "CBAM",
    "AdditiveAttention",
    "AttentionGate",
    "AttentionLayer",
    "AttentionPool",
    "AxialAttention",
    "BilinearAttentionTransform",
    "BlockAttention",
    "BottleneckAttention",
    "ChannelAffinityAttention",
    "ChannelGate",
    "ClassAttention",
    "ConcurrentSqueezeExcite",
    "ContextVectorAttention",
    "ConvCRF",
    "CoordinateAttention",
    "CrissCrossAttention",
    "CrossCovarianceAttention",
    "DeformableAttention2D",
    "DividedSpaceTimeAttention",
    "DotProductAttention",
    "DoubleAttention",
    "DualAttention",
    "EffectiveSqueezeExcite",
    "EfficientChannelAttention",
    "ExternalAttention",
    "GatedAttentionPool",
    "GatedChannelTransform",
    "GatherExcite",
    "GlobalContext",
    "GridAttention",
    "GridCRFAttention",
    "HaloAttention",
    "JointSpaceTimeAttention",
    "LambdaLayer",
    "LargeKernelAttention",
    "LinearAttention",
    "LinearChainCRF",
    "MultiHeadSelfAttention",
    "NonLocal",
    "PolarizedSelfAttention",
    "PositionAttention",
    "SelectiveKernel",
    "SelfAttention2D",
    "ShuffleAttention",
    "SimAM",
    "SoftVisualAttention",
    "SpatialGate",
    "SpatialSqueezeExcite",
    "Spec",
    "SplitAttention",
    "SqueezeExcite",
    "StructuredAttention",
    "StyleRecalibration",
    "TalkingHeadsAttention",
    "TemporalAttention",
    "TokenMerging",
    "TokenSelection",
    "TripletAttention",
    "WindowAttention",
    "get",
    "list_layers",
]
