"""Both halves of DANet."""

import keras

from ..base import AttentionLayer
from ..checks import at_least
from .channel_affinity import ChannelAffinityAttention
from .position import PositionAttention


@keras.saving.register_keras_serializable("keras_attention")
class DualAttention(AttentionLayer):
    """y = x + gamma_p P(x) + gamma_c Q(x): attention over positions and over channels, added up.

    Args:
        reduction: Integer >= 1; query and key of the position attention have channels // reduction
            channels.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: {"position": (batch, 1, N, N), "channel": (batch, 1, channels, channels)} with
        N = height * width. Rows sum to 1.
    Raises: ValueError if `reduction` is below 1 or above the channels.
    Starts as the identity: both gammas are zero.
    Differs from the sum of `PositionAttention` and `ChannelAffinityAttention`, which has x twice;
    the 3 x 3 convolutions that the paper puts around each branch belong to the model.
    Reference: Fu et al., "Dual Attention Network for Scene Segmentation", CVPR 2019,
        arXiv:1809.02983.
    """

    score_kind = {"position": "pairwise", "channel": "pairwise"}
    identity_start = "native"

    def __init__(self, reduction: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "DualAttention", reduction=reduction)

    def build(self, input_shape):
        super().build(input_shape)
        shared = {"data_format": self.data_format, "dtype": self.dtype_policy}
        self.position_attention = PositionAttention(
            self.reduction, name="position_attention", **shared
        )
        self.channel_attention = ChannelAffinityAttention(name="channel_attention", **shared)
        self.position_attention.build(input_shape)
        self.channel_attention.build(input_shape)

    def call(self, x, return_attention_scores=False):
        over_positions, position = self.position_attention.branch(x, return_attention_scores)
        over_channels, channel = self.channel_attention.branch(x)
        y = x + over_positions + over_channels
        return (y, {"position": position, "channel": channel}) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
