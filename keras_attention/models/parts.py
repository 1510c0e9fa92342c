"""Parts that convolutional networks share."""

import keras

from ..ops import axes


def channels(x) -> int:
    """How many channels the map `x` has."""
    return x.shape[axes.channel_axis(keras.config.image_data_format())]


def conv(x, filters, kernel_size, stride=1, *, name, **options):
    """A convolution padded on both sides alike, as torch pads; without a bias unless asked for.

    Keras's "same" would shift the grid by a pixel at a stride of 2.
    """
    if kernel_size > 1 and stride > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=name.replace("_conv", "_pad"))(x)
    options = {
        "padding": "valid" if stride > 1 else "same",
        "use_bias": False,
        "kernel_initializer": keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal"
        ),
        **options,
    }
    return keras.layers.Conv2D(filters, kernel_size, stride, name=name, **options)(x)


def norm(x, *, name, **options):
    """Batch normalisation of a map's channels."""
    axis = axes.channel_axis(keras.config.image_data_format())
    options = {"momentum": 0.9, "epsilon": 1e-5, **options}
    return keras.layers.BatchNormalization(axis=axis, name=name, **options)(x)


def conv_norm(x, filters, kernel_size, stride=1, *, name, index="", activation=None, **options):
    """Convolution, normalisation and perhaps an activation, numbered `index` in the block `name`.

    `options` are those of `keras.layers.Conv2D`, such as `groups`.
    """
    x = conv(x, filters, kernel_size, stride, name=f"{name}_conv{index}", **options)
    x = norm(x, name=f"{name}_norm{index}")
    return activate(x, activation, name=f"{name}_act{index}") if activation else x


def activate(x, activation: str, *, name):
    """`x` through the activation that Keras knows by that name."""
    return keras.layers.Activation(activation, name=name)(x)


def max_pool(x, stride=2, *, name):
    """The 3x3 maximum, padded by zeros, which cannot win after a ReLU."""
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return keras.layers.MaxPooling2D(3, stride, name=name)(x)


def to_last(x, *, name):
    """The map `x` with its channels on the last axis, whatever Keras's data format."""
    return x if _is_last() else keras.layers.Permute((2, 3, 1), name=name)(x)


def from_last(x, *, name):
    """The inverse of `to_last`."""
    return x if _is_last() else keras.layers.Permute((3, 1, 2), name=name)(x)


def _is_last() -> bool:
    return keras.config.image_data_format() == "channels_last"
