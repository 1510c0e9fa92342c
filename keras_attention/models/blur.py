"""Shrinking maps without aliases."""

import keras
from keras import ops

from ..ops import axes


@keras.saving.register_keras_serializable("keras_attention")
class Blur(keras.layers.Layer):
    """Every second position of `x` weighted by [1 2 1] / 4 along both sides, mirrored at the edges.

    Args:
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now.
        **kwargs: Arguments of `keras.layers.Layer`.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: (batch, ceil(height / 2), ceil(width / 2), channels), or likewise.
    Reference: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019,
        arXiv:1904.11486.
    """

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x):
        padding = [(0, 0)] * 4
        for axis in axes.space_axes(self.data_format):
            padding[axis] = (1, 1)
        x = ops.pad(x, padding, mode="reflect")
        # The mean of two neighbouring means of two has these weights, and needs no kernel.
        x = ops.average_pool(x, 2, 1, "valid", self.data_format)
        return ops.average_pool(x, 2, 2, "valid", self.data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
