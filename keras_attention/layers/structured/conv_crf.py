"""The convolutional conditional random field."""

import keras
from keras import ops

from ...ops import axes, mean_field, windows
from ..base import AttentionLayer
from ..checks import at_least, not_negative, odd, one_of, positive, shapes

STARTS = ("softmax", "log_softmax")
NAMES = ("logits", "image")


@keras.saving.register_keras_serializable("keras_attention")
class ConvCRF(AttentionLayer):
    """y = (v - w) log softmax(logits) + w sum_j K_ij q_j, repeated with q = softmax(y).

    K_ij = a exp(-|p_i - p_j|^2 / 2 s^2) + b exp(-|c_i - c_j|^2 / 2 t^2) for j in a window around i,
    i itself too, with positions p in pixels and colours c; v is `unary_weight`, w `update_weight`,
    a, s, b and t are the weights and stds below. Neighbours of like colour get like classes.

    Args:
        filter_size: Odd side of the window, in squares of `blur`.
        blur: Side in pixels of squares over which colours and messages are averaged; 1 for none.
        iterations: Integer >= 1, the number of updates. y is what comes before the last softmax.
        spatial_std, spatial_weight: s in pixels, and a.
        color_std, color_weight: t in the units of the image, and b. 13 is for images from 0 to 255;
            0.1 for about -0.5 to 0.5.
        color_position_std: With a number, in pixels, the second term is for pixels that are near
            too, by its own |p_i - p_j|^2; None: for all in the window, as in the published model.
        update_weight: w, a weight for each class that starts at this number.
        unary_weight: v.
        initial: "softmax", what the first messages are made of in the paper; "log_softmax", as in
            the published code.
        learnable: Whether w, s, a, t and b learn; else they stay what they are.
        **kwargs: `data_format`, `dtype`, `name`.
    Input shape: logits (batch, height, width, classes) and image (batch, height, width, colours),
        or channels first; with `blur` above 1 height and width must be known. Output shape: that of
        the logits.
    Scores: (batch, 1, n, n), the kernel K of all pairs, zero outside the window; it is not
        normalised. n = ceil(height / blur) * ceil(width / blur).
    Raises: ValueError if `filter_size` is even, `blur` or `iterations` below 1, a std not above 0,
        a weight below 0, `initial` unknown, or an input is missing, of another height or width, or
        of unknown sizes where they must be known.
    Differs from the fully connected CRF of arXiv:1210.5644: a window, a pixel sends itself a
        message, and the colours of pixels count whatever their distance.
    Reference: Teichmann, Cipolla, "Convolutional CRFs for Semantic Segmentation", BMVC 2019,
        arXiv:1805.04777.
    """

    score_kind = "pairwise"
    slots = ("logits", "pair")
    identity_start = None

    def __init__(
        self,
        filter_size: int = 11,
        blur: int = 4,
        iterations: int = 5,
        spatial_std: float = 3,
        spatial_weight: float = 3,
        color_std: float = 13,
        color_weight: float = 10,
        color_position_std: float | None = None,
        update_weight: float = 0.2,
        unary_weight: float = 1,
        initial: str = "softmax",
        learnable: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filter_size = odd("ConvCRF", filter_size=filter_size)
        self.blur = at_least(1, "ConvCRF", blur=blur)
        self.iterations = at_least(1, "ConvCRF", iterations=iterations)
        numbers = {
            "spatial_std": spatial_std,
            "spatial_weight": spatial_weight,
            "color_std": color_std,
            "color_weight": color_weight,
            "update_weight": update_weight,
            "unary_weight": unary_weight,
        }
        if color_position_std is not None:
            numbers["color_position_std"] = color_position_std
        for name, value in numbers.items():
            check = positive if name.endswith("std") else not_negative
            check("ConvCRF", **{name: value})
        self.numbers = numbers
        self.initial = one_of(STARTS, "ConvCRF", initial=initial)
        self.learnable = learnable

    def build(self, input_shape):
        logits, image = shapes(input_shape, NAMES, "ConvCRF", required=2)
        super().build(logits)
        self.check_shape(logits, static=self.blur > 1)
        self.check_shape(image, name="image_shape", static=self.blur > 1)
        self._check_sides(logits, image)
        learn = {"trainable": self.learnable, "autocast": False}
        self.update_weight = self.add_weight(
            shape=(logits[self.channel],),
            initializer=keras.initializers.Constant(self.numbers["update_weight"]),
            name="update_weight",
            **learn,
        )
        self.kernel = {name: self.numbers[name] for name in self._kernel_names()}
        if self.learnable:
            for name, value in self.kernel.items():
                constant = keras.initializers.Constant(value)
                self.kernel[name] = self.add_weight(
                    shape=(), initializer=constant, name=name, **learn
                )

    def _kernel_names(self):
        return [name for name in self.numbers if name not in ("update_weight", "unary_weight")]

    def _check_sides(self, logits, image):
        for axis in self.space:
            if None not in (logits[axis], image[axis]) and logits[axis] != image[axis]:
                raise ValueError(
                    f"ConvCRF {self.name!r} needs logits and an image of one height and width. "
                    f"Received: input_shape={[logits, image]}"
                )

    def call(self, inputs, return_attention_scores=False):
        logits, image = (axes.to_last(one, self.data_format) for one in inputs)
        kernel = self._window_kernel(ops.cast(image, "float32"))
        logits32 = ops.cast(logits, "float32")
        first = ops.log_softmax(logits32, axis=-1) if self.initial == "log_softmax" else None
        y = mean_field.windowed(
            logits32,
            kernel,
            self.update_weight,
            blur=self.blur,
            iterations=self.iterations,
            unary_weight=self.numbers["unary_weight"],
            q=first,
        )
        y = axes.from_last(ops.cast(y, logits.dtype), self.data_format)
        return (y, self._dense(kernel)) if return_attention_scores else y

    def _window_kernel(self, image):
        """K (B, H', W', filter_size^2), on the squares of `blur`."""
        place = mean_field.shrink(mean_field.positions(*ops.shape(image)[1:3]), self.blur)
        color = mean_field.shrink(image, self.blur)
        number = self.kernel
        near, like = place / number["spatial_std"], color / number["color_std"]
        if "color_position_std" in number:
            place = ops.broadcast_to(place, (*ops.shape(color)[:3], 2))
            place = place / number["color_position_std"]
            like = ops.concatenate([place, like], axis=-1)
        weights = number["spatial_weight"], number["color_weight"]
        return mean_field.gaussian_kernel((near, like), weights, self.filter_size)

    def _dense(self, kernel):
        """(B, 1, n, n) of a kernel (B, H', W', filter_size^2)."""
        height, width = ops.shape(kernel)[1:3]
        rows, columns = (
            windows.halo_slots(side, 1, self.filter_size // 2) for side in (height, width)
        )
        kernel = ops.reshape(kernel, (-1, 1, height * width, self.filter_size**2))
        return windows.dense(kernel, rows, columns, (self.filter_size, self.filter_size))

    def get_config(self):
        return {
            **super().get_config(),
            "color_position_std": None,
            **self.numbers,
            "filter_size": self.filter_size,
            "blur": self.blur,
            "iterations": self.iterations,
            "initial": self.initial,
            "learnable": self.learnable,
        }
