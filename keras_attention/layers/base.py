"""What every attention layer on a feature map shares."""

import keras
from keras import ops

from ..ops import axes


class AttentionLayer(keras.layers.Layer):
    """A layer whose output has the shape of its input map.

    Args:
        identity_init: If True the layer starts as the identity, bit for bit: its output is
            `x + s * (f(x) - x)` with one extra scalar weight `identity_scale`, s = 0 at the start.
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now, and the
            resolved value is what a saved model keeps.
        **kwargs: `dtype`, `name` and the other arguments of `keras.layers.Layer`.
    Raises: ValueError for an unknown data format, a map whose rank is not 4 or whose channels are
        unknown.
    """

    # The kind of the scores: "channel", "spatial", "pairwise", "pool" or "temporal"; a dict of
    # them where the layer returns a dict of scores.
    score_kind: str | dict[str, str] = ""

    def __init__(self, *, identity_init: bool = False, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        if data_format is None:
            data_format = keras.config.image_data_format()
        if data_format not in axes.DATA_FORMATS:
            raise ValueError(
                f"{type(self).__name__}: data_format must be one of {list(axes.DATA_FORMATS)}. "
                f"Received: data_format={data_format!r}"
            )
        self.identity_init = bool(identity_init)
        self.data_format = data_format
        self.channel = axes.channel_axis(data_format)
        self.space = axes.space_axes(data_format)

    def build(self, input_shape):
        if len(input_shape) != 4 or input_shape[self.channel] is None:
            layout = "height, width, channels"
            if self.data_format == "channels_first":
                layout = "channels, height, width"
            raise ValueError(
                f"{type(self).__name__} {self.name!r} needs a map (batch, {layout}) with a known "
                f"number of channels. Received: input_shape={tuple(input_shape)}"
            )
        if self.identity_init:
            self.identity_scale = self.add_weight(
                shape=(), initializer="zeros", name="identity_scale"
            )

    def __call__(self, x, *args, **kwargs):
        # Keras passes integers through unchanged, and a gate times an integer map would truncate.
        if hasattr(x, "dtype") and "int" in keras.backend.standardize_dtype(x.dtype):
            x = ops.cast(x, self.compute_dtype)
        return super().__call__(x, *args, **kwargs)

    def blend(self, x, y):
        """`y`, or with `identity_init` its blend with `x`, which starts as `x`."""
        if not self.identity_init:
            return y
        return x + ops.cast(self.identity_scale, y.dtype) * (y - x)

    def add_dense(self, inputs: int, units: int, **kwargs) -> keras.layers.Dense:
        """A built dense sublayer with this layer's dtype policy."""
        layer = keras.layers.Dense(units, dtype=self.dtype_policy, **kwargs)
        layer.build((None, inputs))
        return layer

    def add_conv(
        self, inputs: int, filters: int, kernel_size: int, **kwargs
    ) -> keras.layers.Conv2D:
        """A built convolution that keeps height and width, with this layer's dtype policy."""
        layer = keras.layers.Conv2D(
            filters,
            kernel_size,
            padding="same",
            data_format=self.data_format,
            dtype=self.dtype_policy,
            **kwargs,
        )
        layer.build(self.map_shape(inputs))
        return layer

    def add_norm(self, channels: int, **kwargs) -> keras.layers.BatchNormalization:
        """A built batch normalisation of the channels, with this layer's dtype policy."""
        layer = keras.layers.BatchNormalization(
            axis=self.channel, dtype=self.dtype_policy, **kwargs
        )
        layer.build(self.map_shape(channels))
        return layer

    def map_shape(self, channels: int) -> tuple[int | None, ...]:
        """The shape of a map with that many channels and any batch, height and width."""
        shape: list[int | None] = [None] * 4
        shape[self.channel] = channels
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "identity_init": self.identity_init,
            "data_format": self.data_format,
        }
