"""Concurrent spatial and channel squeeze-and-excitation."""

import keras
from keras import ops

from ..base import AttentionLayer
from ..channel.se import SqueezeExcite
from ..checks import at_least, one_of
from .sse import SpatialSqueezeExcite

COMBINE = ("add", "max", "multiply")


@keras.saving.register_keras_serializable("keras_attention")
class ConcurrentSqueezeExcite(AttentionLayer):
    """y = x * channel gate + x * spatial gate, or their maximum, or x * both gates.

    Args:
        reduction: Integer >= 1; the channel gate's hidden layer has channels // reduction units.
        combine: "add"; "max" of the two gated maps, element by element; or "multiply", which
            multiplies the two gates.
        **kwargs: `identity_init`, `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    Scores: {"channel": (batch, channels), "spatial": (batch, height, width)}, the two gates. The
        factor is their sum, up to 2, with "add" and their product with "multiply".
    Raises: ValueError if `reduction` is below 1 or above the channels, or `combine` is unknown.
    Differs from segmentation_models_pytorch, whose `reduction` is 16 by default; the paper found 2
    the best.
    Reference: Roy, Navab, Wachinger, "Concurrent Spatial and Channel Squeeze & Excitation in Fully
        Convolutional Networks", MICCAI 2018, arXiv:1803.02579.
    """

    score_kind = {"channel": "channel", "spatial": "spatial"}

    def __init__(self, reduction: int = 2, combine: str = "add", **kwargs):
        super().__init__(**kwargs)
        self.reduction = at_least(1, "ConcurrentSqueezeExcite", reduction=reduction)
        self.combine = one_of(COMBINE, "ConcurrentSqueezeExcite", combine=combine)

    def build(self, input_shape):
        super().build(input_shape)
        shared = {"data_format": self.data_format, "dtype": self.dtype_policy}
        self.channel_gate = SqueezeExcite(self.reduction, name="channel_gate", **shared)
        self.spatial_gate = SpatialSqueezeExcite(name="spatial_gate", **shared)
        self.channel_gate.build(input_shape)
        self.spatial_gate.build(input_shape)

    def call(self, x, return_attention_scores=False):
        by_channel, channel = self.channel_gate(x, return_attention_scores=True)
        by_position, spatial = self.spatial_gate(x, return_attention_scores=True)
        if self.combine == "add":
            y = by_channel + by_position
        elif self.combine == "max":
            y = ops.maximum(by_channel, by_position)
        else:
            y = by_channel * ops.cast(ops.expand_dims(spatial, self.channel), x.dtype)
        y = self.blend(x, y)
        return (y, {"channel": channel, "spatial": spatial}) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction, "combine": self.combine}
