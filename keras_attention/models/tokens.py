"""Layers of networks that work on tokens: from maps to tokens, what is added to them, and back."""

import keras
from keras import ops

from ..layers.checks import at_least
from ..ops import axes, resize


@keras.saving.register_keras_serializable("keras_attention")
class PatchEmbedding(keras.layers.Conv2D):
    """A convolution that takes each square patch of an image to one vector.

    Args:
        filters: Channels of the vectors.
        patch: Side of a patch in pixels.
        cut: Whether images may have other sides than multiples of `patch`; what is left over at
            the right and the bottom is then not looked at.
        **kwargs: Arguments of `keras.layers.Conv2D`.
    Raises: ValueError for an image with such sides, once its sides are known.
    """

    def __init__(self, filters: int, patch: int, cut: bool = False, **kwargs):
        for name in ("kernel_size", "strides", "padding"):
            kwargs.pop(name, None)
        self.patch, self.cut = at_least(1, "PatchEmbedding", patch=patch), cut
        super().__init__(filters, patch, patch, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        super().build(input_shape)

    def call(self, inputs):
        self._check(inputs.shape)
        return super().call(inputs)

    def _check(self, shape):
        sides = [shape[axis] for axis in axes.space_axes(self.data_format)]
        if not self.cut and any(side is not None and side % self.patch for side in sides):
            raise ValueError(
                f"The height and width of an image must be multiples of the patch size "
                f"{self.patch}. Received: {sides[0]} x {sides[1]} pixels"
            )

    def get_config(self):
        config = super().get_config()
        for name in ("kernel_size", "strides", "padding"):
            del config[name]
        return {**config, "patch": self.patch, "cut": self.cut}


@keras.saving.register_keras_serializable("keras_attention")
class PositionEmbedding(keras.layers.Layer):
    """y = x + P on a map, P learned on a grid and resized to the map where that is another.

    Args:
        grid: (height, width) of P.
        data_format: "channels_last" or "channels_first"; None reads Keras's setting.
        **kwargs: `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first. Output shape: the same.
    """

    def __init__(self, grid, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.grid = tuple(grid)
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(*self.grid, input_shape[axes.channel_axis(self.data_format)]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            autocast=False,
            name="table",
        )

    def call(self, x):
        space = axes.space_axes(self.data_format)
        table = ops.convert_to_tensor(self.table)
        if tuple(x.shape[axis] for axis in space) != self.grid:
            shape = ops.shape(x)
            table = resize.bicubic(table, [shape[axis] for axis in space], (0, 1))
        table = axes.from_last(ops.expand_dims(table, 0), self.data_format)
        return x + ops.cast(table, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(), "grid": list(self.grid), "data_format": self.data_format
        }  # fmt: skip


@keras.saving.register_keras_serializable("keras_attention")
class MapToTokens(keras.layers.Layer):
    """A map (batch, height, width, channels), or channels first, as tokens row by row."""

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x):
        return axes.to_tokens(x, self.data_format)

    def compute_output_shape(self, input_shape):
        height, width = (input_shape[axis] for axis in axes.space_axes(self.data_format))
        tokens = None if None in (height, width) else height * width
        return (input_shape[0], tokens, input_shape[axes.channel_axis(self.data_format)])

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


@keras.saving.register_keras_serializable("keras_attention")
class TokensToMap(keras.layers.Layer):
    """The tokens after the first `prefix` as a map with the height and width of another.

    Input: [tokens, map]. Output: a map with the channels of the tokens.
    """

    def __init__(self, prefix: int = 0, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.prefix = at_least(0, "TokensToMap", prefix=prefix)
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape):
        pass

    def call(self, inputs):
        tokens, like = inputs
        return axes.from_tokens(tokens[:, self.prefix :], like, self.data_format)

    def compute_output_shape(self, input_shape):
        tokens, like = input_shape
        shape = list(like)
        shape[axes.channel_axis(self.data_format)] = tokens[-1]
        return tuple(shape)

    def get_config(self):
        return {**super().get_config(), "prefix": self.prefix, "data_format": self.data_format}


@keras.saving.register_keras_serializable("keras_attention")
class PrependTokens(keras.layers.Layer):
    """`count` learned tokens before those of the input, such as a class token or registers.

    Args:
        count: Integer >= 1.
        positions: Whether each has a learned position, which is added to it. It is a weight of
            its own, since published models have learnt both.
        **kwargs: `dtype`, `name`.
    Input shape: (batch, tokens, channels). Output shape: (batch, count + tokens, channels).
    """

    def __init__(self, count: int = 1, positions: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.count = at_least(1, "PrependTokens", count=count)
        self.has_positions = positions

    def build(self, input_shape):
        shape = (1, self.count, input_shape[-1])
        normal = keras.initializers.TruncatedNormal(stddev=0.02)
        self.tokens = self.add_weight(shape=shape, initializer=normal, name="tokens")
        if self.has_positions:
            self.positions = self.add_weight(shape=shape, initializer=normal, name="positions")

    def call(self, x):
        tokens = ops.convert_to_tensor(self.tokens)
        if self.has_positions:
            tokens = tokens + self.positions
        tokens = ops.broadcast_to(tokens, (ops.shape(x)[0], *tokens.shape[1:]))
        return ops.concatenate([ops.cast(tokens, x.dtype), x], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return (batch, None if tokens is None else self.count + tokens, channels)

    def get_config(self):
        return {**super().get_config(), "count": self.count, "positions": self.has_positions}


@keras.saving.register_keras_serializable("keras_attention")
class TakeToken(keras.layers.Layer):
    """(batch, tokens, channels) -> (batch, channels), the token number `index`."""

    def __init__(self, index: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.index = at_least(0, "TakeToken", index=index)

    def call(self, x):
        return x[:, self.index]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "index": self.index}


@keras.saving.register_keras_serializable("keras_attention")
class LayerScale(keras.layers.Layer):
    """y = gamma * x, one learned factor for each channel of tokens.

    Args:
        initial: What the factors start as.
        **kwargs: `dtype`, `name`.
    Reference: Touvron et al., "Going deeper with Image Transformers", ICCV 2021, arXiv:2103.17239.
    """

    def __init__(self, initial: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape):
        self.gamma = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial),
            name="gamma",
        )

    def call(self, x):
        return x * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}


@keras.saving.register_keras_serializable("keras_attention")
class SwiGLU(keras.layers.Layer):
    """y = silu(a) * b, where a and b are the halves of the channels of x.

    Reference: Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    def call(self, x):
        a, b = ops.split(x, 2, axis=-1)
        return ops.silu(a) * b

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)
