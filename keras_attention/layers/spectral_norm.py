"""Dense, convolution and embedding layers with kernels divided by their largest singular value."""

import keras
from keras import ops

from ..ops import lookup, resampled_conv
from .checks import at_least, nearest

# Below this a length counts as this, so that a kernel of zeros stays zeros.
SMALLEST = 1e-12

RESAMPLED = {"up": resampled_conv.conv_of_doubled, "down": resampled_conv.mean_of_conv}


def length(vector):
    """The Euclidean length of a vector, at least `SMALLEST`; its gradient is finite at zero."""
    return ops.sqrt(ops.maximum(ops.sum(ops.square(vector)), SMALLEST**2))


class SpectralLayer(keras.layers.Layer):
    """A layer with the kernel W / sigma(W), where sigma(W) = |W u| for a vector u of length 1.

    W is the kernel as a matrix (everything else, outputs). A call with `update` moves u one step of
    the power method closer to the singular vector of the largest singular value, before it is
    used. u is a constant to the gradient and sigma is not: the gradient of W / sigma is exact for
    the given u, on every backend.

    The kernel and u stay float32 in mixed precision; the quotient is cast.
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def add_kernel(self, shape) -> None:
        """The weights `kernel`, of a shape that ends in the units, `bias` and `u`."""
        self.kernel = self.add_weight(
            shape=shape, initializer=self.kernel_initializer, name="kernel", autocast=False
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), initializer=self.bias_initializer, name="bias"
            )
        self.u = self.add_weight(
            shape=(self.units,),
            initializer="random_normal",
            trainable=False,
            name="u",
            autocast=False,
        )

    def updates(self, training, update) -> bool:
        """Whether this call moves u: as told, else in training, unless the layer is frozen."""
        return bool(training and self.trainable) if update is None else update

    def normalised_kernel(self, update: bool):
        """W / sigma(W) in float32, after a step of the power method if `update`."""
        kernel = ops.convert_to_tensor(self.kernel)
        matrix = ops.reshape(kernel, (-1, self.units))
        u = ops.convert_to_tensor(self.u)
        # A new tensor: backends that assign in place must not touch what a gradient needs later.
        u = u / length(u)
        if update:
            fixed = ops.stop_gradient(matrix)
            v = ops.matmul(fixed, u)
            u = ops.matmul(v / length(v), fixed)
            u = u / length(u)
            self.u.assign(u)
        sigma = length(ops.matmul(matrix, ops.stop_gradient(u)))
        return kernel / sigma

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable("keras_attention")
class SpectralDense(SpectralLayer):
    """y = x W / sigma(W) + b over the last axis, with sigma(W) the largest singular value of W.

    Args:
        units: Width of the output.
        use_bias: Whether there is a b.
        kernel_initializer: Initialiser of W.
        bias_initializer: Initialiser of b.
        **kwargs: `dtype`, `name` and the other arguments of `keras.layers.Layer`.
    Call arguments: `training`, and `update`, which says whether to take a step of the power method
        first; None does in training, unless the layer is not trainable.
    Input shape: (batch, ..., channels). Output shape: (batch, ..., units).
    Weights: `kernel`, `bias` and, not trained, `u` (units,), the estimate of a singular vector.
    Differs from torch's `spectral_norm`: u starts random, without 15 steps at construction, and
    only u is kept. In training values, gradients and u are equal for equal u and unchanged W; after
    W has changed torch starts its step from the vector of the old W. A kernel of zeros stays zeros
    here, and gives NaN there.
    Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR
        2018, arXiv:1802.05957, algorithm 1.
    """

    def build(self, input_shape):
        self.add_kernel((input_shape[-1], self.units))

    def call(self, x, training=None, update=None):
        kernel = self.normalised_kernel(self.updates(training, update))
        y = ops.matmul(x, ops.cast(kernel, self.compute_dtype))
        return y + self.bias if self.use_bias else y


@keras.saving.register_keras_serializable("keras_attention")
class SpectralConv2D(SpectralLayer):
    """y = x * W / sigma(W) + b, a convolution; W as a matrix is (height width inputs, units).

    Args:
        units: Channels of the output.
        kernel_size: Integer or pair, sides of the window in pixels.
        strides: Integer or pair, in pixels.
        padding: "same" or "valid".
        data_format: "channels_last" or "channels_first"; None reads Keras's setting now.
        resample: "up" doubles the sides of x first, by repeating pixels; "down" halves those of y,
            by means of 2x2. Both take four ninths of the work of two steps with a 3x3 window, and
            need an odd square `kernel_size`, strides of 1 and padding "same".
        **kwargs: `use_bias`, `kernel_initializer`, `bias_initializer`, `dtype`, `name` and the
            other arguments of `keras.layers.Layer`.
    Call arguments, weights, differences from torch, reference: as in `SpectralDense`.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: (batch, new height, new width, units), or channels first.
    Raises: ValueError for another `resample`, or one that does not go with the window.
    """

    def __init__(
        self,
        units: int,
        kernel_size,
        strides=1,
        padding: str = "same",
        data_format: str | None = None,
        resample: str | None = None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.kernel_size = _pair(kernel_size)
        self.strides = _pair(strides)
        self.padding = padding
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        self.resample = resample
        if resample is not None:
            self._check_resample()

    def _check_resample(self):
        if self.resample not in RESAMPLED:
            raise ValueError(
                f"SpectralConv2D: resample must be None, 'up' or 'down'."
                f"{nearest(self.resample, RESAMPLED)} Received: resample={self.resample!r}"
            )
        height, width = self.kernel_size
        odd_square = height == width and height % 2
        if not odd_square or _pair(self.strides) != (1, 1) or self.padding != "same":
            raise ValueError(
                f"SpectralConv2D: resample={self.resample!r} needs an odd square kernel_size, "
                f'strides=1 and padding="same". Received: kernel_size={self.kernel_size}, '
                f"strides={self.strides}, padding={self.padding!r}"
            )

    def build(self, input_shape):
        inputs = input_shape[1 if self.data_format == "channels_first" else -1]
        self.add_kernel((*self.kernel_size, inputs, self.units))

    def call(self, x, training=None, update=None):
        kernel = self.normalised_kernel(self.updates(training, update))
        if self.resample:
            wide = ops.cast(resampled_conv.widened(kernel), self.compute_dtype)
            y = RESAMPLED[self.resample](x, wide, self.data_format)
        else:
            kernel = ops.cast(kernel, self.compute_dtype)
            y = ops.conv(x, kernel, self.strides, self.padding, self.data_format)
        if not self.use_bias:
            return y
        first = self.data_format == "channels_first"
        return y + (ops.reshape(self.bias, (-1, 1, 1)) if first else self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "resample": self.resample,
        }


@keras.saving.register_keras_serializable("keras_attention")
class SpectralEmbedding(SpectralLayer):
    """y = row `label` of W / sigma(W), with W (num_classes, units).

    Args:
        num_classes: Integer >= 1, rows of W.
        units: Width of the output.
        kernel_initializer: Initialiser of W.
        **kwargs: `dtype`, `name` and the other arguments of `keras.layers.Layer`.
    Call arguments, differences from torch, reference: as in `SpectralDense`.
    Input shape: labels (batch, ...), integers from 0. Output shape: (batch, ..., units).
    Weights: `kernel` and, not trained, `u` (units,).
    A label outside of 0..num_classes-1 gives a row of NaN: a compiled graph cannot raise.
    Raises: ValueError if `num_classes` is below 1.
    """

    def __init__(self, num_classes: int, units: int, **kwargs):
        super().__init__(units, use_bias=False, **kwargs)
        self.num_classes = at_least(1, "SpectralEmbedding", num_classes=num_classes)

    def build(self, input_shape):
        self.add_kernel((self.num_classes, self.units))

    def call(self, label, training=None, update=None):
        kernel = self.normalised_kernel(self.updates(training, update))
        return lookup.rows(ops.cast(kernel, self.compute_dtype), label)

    def get_config(self):
        config = {**super().get_config(), "num_classes": self.num_classes}
        del config["use_bias"], config["bias_initializer"]
        return config


def _pair(size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
