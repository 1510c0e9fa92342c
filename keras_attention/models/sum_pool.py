"""The sum of a map over space."""

import keras
from keras import ops

from ..ops import axes


@keras.saving.register_keras_serializable("keras_attention")
class SumPool(keras.layers.Layer):
    """y = the sum of x over height and width.

    Args:
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now.
        **kwargs: `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: (batch, channels).
    """

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = keras.config.image_data_format() if data_format is None else data_format

    def call(self, x):
        return ops.sum(x, axes.space_axes(self.data_format))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
