"""What every attention layer shares."""

import keras
from keras import ops

from ..ops import axes

# How a layer can start as the identity when it is asked to.
IDENTITY_STARTS = ("blend", "native", "uniform", None)
# Stands for an unknown batch where the shape of an output is inferred: a prime that is no size.
BATCH = 100_003


class AttentionLayer(keras.layers.Layer):
    """An attention layer on tokens, maps or videos.

    A subclass says in class attributes what it is:

    - `score_kind`: "channel", "pairwise", "pool", "spatial" or "temporal"; a dict of them where
      the layer returns a dict of scores.
    - `slots`: the places it can take: "gate" (after a convolution, same shape), "mixer" (instead
      of a convolution), "token" (on a sequence), "pool" (many positions to few vectors), "pair"
      (several inputs), "logits" (on class scores).
    - `ranks`: of its input: 3 tokens (batch, tokens, channels), 4 maps, 5 videos
      (batch, time, height, width, channels).
    - `identity_start`: what `identity_init=True` does. "blend": the output is
      `x + s * (f(x) - x)` with one more scalar weight `identity_scale`, s = 0 at the start.
      "native": a weight of its own is zero. "uniform": a pooling starts as the mean. None: there
      is no such start, and the flag is an error.

    Args:
        identity_init: If True the layer starts as the identity, bit for bit.
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now, and the
            resolved value is what a saved model keeps. Tokens are (batch, tokens, channels) in
            either.
        **kwargs: `dtype`, `name` and the other arguments of `keras.layers.Layer`.
    Raises: ValueError for an unknown data format, for `identity_init` where there is no such
        start, and for an input of another rank or with unknown channels.
    """

    score_kind: str | dict[str, str] = ""
    slots: tuple[str, ...] = ("gate",)
    ranks: tuple[int, ...] = (4,)
    identity_start: str | None = "blend"

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
        self.check_identity()

    def check_identity(self) -> None:
        """Refuse `identity_init` where the layer, or its mode, has no such start."""
        if self.identity_init and self.identity_start is None:
            raise ValueError(
                f"{type(self).__name__} cannot start as the identity. Received: identity_init=True"
            )

    def build(self, input_shape):
        """Check the shape, find its channels and positions, and add the blend's weight."""
        self.check_shape(input_shape)
        self.channel = axes.channel_axis(self.data_format, len(input_shape))
        self.space = axes.space_axes(self.data_format, len(input_shape))
        self.add_identity_scale()

    def add_identity_scale(self) -> None:
        """The weight of `blend`, where it is asked for."""
        if self.identity_init and self.identity_start == "blend":
            self.identity_scale = self.add_weight(
                shape=(), initializer="zeros", name="identity_scale"
            )

    def check_shape(
        self,
        shape,
        ranks: tuple[int, ...] | None = None,
        static: bool = False,
        name: str = "input_shape",
    ) -> None:
        """Refuse a shape of another rank, with unknown channels or, if `static`, unknown sizes."""
        ranks = self.ranks if ranks is None else ranks
        shape = tuple(shape)
        fits = len(shape) in ranks
        if not fits or shape[axes.channel_axis(self.data_format, len(shape))] is None:
            wanted = " or ".join(axes.describe(rank, self.data_format) for rank in ranks)
            raise ValueError(
                f"{type(self).__name__} {self.name!r} needs {wanted} with a known number of "
                f"channels. Received: {name}={shape}"
            )
        if static and None in shape[1:]:
            sizes = {3: "number of tokens", 4: "height and width", 5: "time, height and width"}
            raise ValueError(
                f"{type(self).__name__} {self.name!r} needs a fixed {sizes[len(shape)]}. "
                f"Received: {name}={shape}"
            )

    def __call__(self, x, *args, **kwargs):
        # Keras passes integers through unchanged, and a gate times an integer map would truncate.
        return super().__call__(keras.tree.map_structure(self._as_float, x), *args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        """The shape and dtype of the output, which has the batch of the input."""
        sizes = {size for x in _specs((args, kwargs)) for size in x.shape[1:]}
        # Keras gives JAX a new unknown size for each call, and JAX keeps what it traced of each: a
        # megabyte for every model that is built. A batch of one size is traced once.
        if keras.backend.backend() != "jax" or None in sizes or BATCH in sizes:
            return super().compute_output_spec(*args, **kwargs)
        args, kwargs = keras.tree.map_structure(_with_batch, (args, kwargs))
        y = super().compute_output_spec(*args, **kwargs)
        return keras.tree.map_structure(_without_batch, y)

    def _as_float(self, x):
        if hasattr(x, "dtype") and "int" in keras.backend.standardize_dtype(x.dtype):
            return ops.cast(x, self.compute_dtype)
        return x

    def blend(self, x, y):
        """`y`, or with `identity_init` its blend with `x`, which starts as `x`."""
        if not self.identity_init or self.identity_start != "blend":
            return y
        return x + ops.cast(self.identity_scale, y.dtype) * (y - x)

    def add(self, cls, shape, *args, **kwargs) -> keras.layers.Layer:
        """A sublayer `cls(*args, **kwargs)` of this layer's dtype policy, built for `shape`."""
        layer = cls(*args, dtype=self.dtype_policy, **kwargs)
        layer.build(shape)
        return layer

    def add_dense(self, inputs: int, units: int, **kwargs) -> keras.layers.Dense:
        """A built dense sublayer with this layer's dtype policy."""
        return self.add(keras.layers.Dense, (None, inputs), units, **kwargs)

    def add_conv(self, inputs: int, filters: int, kernel_size, **kwargs) -> keras.layers.Conv2D:
        """A built convolution of maps that keeps height and width, unless told otherwise.

        Where it has a bias let it work channels last: with channels first on TensorFlow, Keras
        3.15 adds the bias along the width of a map that is as wide as there are filters.
        """
        kwargs = {"padding": "same", "data_format": self.data_format, **kwargs}
        shape = self.map_shape(inputs, kwargs["data_format"])
        return self.add(keras.layers.Conv2D, shape, filters, kernel_size, **kwargs)

    def add_norm(self, channels: int, **kwargs) -> keras.layers.BatchNormalization:
        """A built batch normalisation of a map's channels."""
        shape = self.map_shape(channels)
        axis = axes.channel_axis(self.data_format)
        return self.add(keras.layers.BatchNormalization, shape, axis=axis, **kwargs)

    def map_shape(self, channels: int, data_format: str | None = None) -> tuple[int | None, ...]:
        """The shape of a map with that many channels and any batch, height and width."""
        shape: list[int | None] = [None] * 4
        shape[axes.channel_axis(data_format or self.data_format)] = channels
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "identity_init": self.identity_init,
            "data_format": self.data_format,
        }


def _specs(inputs) -> list[keras.KerasTensor]:
    return [x for x in keras.tree.flatten(inputs) if isinstance(x, keras.KerasTensor)]


def _with_batch(x):
    if isinstance(x, keras.KerasTensor) and x.shape[:1] == (None,):
        return keras.KerasTensor((BATCH, *x.shape[1:]), x.dtype)
    return x


def _without_batch(x):
    if not isinstance(x, keras.KerasTensor):
        return x
    shape = tuple(None if size and size % BATCH == 0 else size for size in x.shape)
    return keras.KerasTensor(shape, x.dtype)
