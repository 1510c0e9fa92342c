"""Selective kernels."""

import keras
from keras import ops

from ...ops import strides as stride_ops
from ...ops.dot_product import masked_softmax
from ..base import AttentionLayer
from ..checks import at_least, optional_at_least


@keras.saving.register_keras_serializable("keras_attention")
class SelectiveKernel(AttentionLayer):
    """y = sum_i a_i * U_i, U_i = relu(BN(conv_i x)), a = softmax_i(A_i z), z = relu(BN(W s)).

    s is the mean over space of the sum of all U_i: each channel chooses between the paths i, whose
    convolutions have windows of different sizes.

    Args:
        filters: Channels of the output; None takes those of the input.
        strides: Integer >= 1, the step of the convolutions in pixels, from the first pixel.
        kernel_sizes: Odd integers, the side of each path's window in pixels.
        groups: Integer >= 1, of the convolutions.
        reduction: Integer >= 1; z has max(min_hidden, filters // reduction) entries.
        min_hidden: The fewest entries of z.
        dilate: Whether windows above 3 are 3 x 3 taps spread over their side.
        split_input: Whether each path sees its own share of the input's channels, as in timm.
        **kwargs: `data_format`, `dtype`, `name`. There is no start as the identity.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: (batch, ceil(height / strides), ceil(width / strides), filters), or likewise.
    Scores: (batch, paths, filters), the share of each path in each channel; paths sum to 1.
    Raises: ValueError if an argument is below 1, `kernel_sizes` are not two or more odd integers,
        or channels and `filters` do not divide by `groups` (and by the paths with `split_input`).
    Differs from timm's SelectiveKernel, which by default splits the input, has no groups, and
    rounds the width of z to a multiple of 8 without the paper's floor of 32.
    Reference: Li et al., "Selective Kernel Networks", CVPR 2019, arXiv:1903.06586.
    """

    score_kind = "channel"
    slots = ("mixer",)
    identity_start = None

    def __init__(
        self,
        filters: int | None = None,
        strides: int = 1,
        kernel_sizes: tuple[int, ...] = (3, 5),
        groups: int = 32,
        reduction: int = 16,
        min_hidden: int = 32,
        dilate: bool = True,
        split_input: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = optional_at_least(1, "SelectiveKernel", filters=filters)
        self.strides = at_least(1, "SelectiveKernel", strides=strides)
        if not _several_odd(kernel_sizes):
            raise ValueError(
                "SelectiveKernel: kernel_sizes must be two or more odd integers >= 1. "
                f"Received: kernel_sizes={kernel_sizes!r}"
            )
        self.kernel_sizes = tuple(kernel_sizes)
        self.groups = at_least(1, "SelectiveKernel", groups=groups)
        self.reduction = at_least(1, "SelectiveKernel", reduction=reduction)
        self.min_hidden = at_least(1, "SelectiveKernel", min_hidden=min_hidden)
        self.dilate = dilate
        self.split_input = split_input

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        filters = self.filters or channels
        paths = len(self.kernel_sizes)
        self.check_divides(channels, filters)
        hidden = max(self.min_hidden, filters // self.reduction)
        norm = {"epsilon": 1e-5, "momentum": 0.9}
        self.paths, self.path_norms = [], []
        for index, size in enumerate(self.kernel_sizes, start=1):
            taps, dilation = self.window(size)
            before, at, _ = self.steps(dilation)
            conv = self.add_conv(
                channels // paths if self.split_input else channels,
                filters,
                taps,
                strides=at,
                padding="valid",
                dilation_rate=dilation // before,
                groups=self.groups,
                use_bias=False,
                name=f"paths_{index}",
            )
            self.paths.append(conv)
            self.path_norms.append(self.add_norm(filters, name=f"path_norms_{index}", **norm))
        self.squeeze = self.add_dense(filters, hidden, use_bias=False, name="squeeze")
        self.norm = self.add(keras.layers.BatchNormalization, (None, hidden), name="norm", **norm)
        self.select = self.add_dense(hidden, paths * filters, use_bias=False, name="select")

    def check_divides(self, channels, filters):
        """Refuse channels that cannot be shared out evenly between paths and groups."""
        parts = self.groups * (len(self.kernel_sizes) if self.split_input else 1)
        if channels % parts or filters % self.groups:
            raise ValueError(
                f"SelectiveKernel {self.name!r} needs channels that divide by {parts} and filters "
                f"that divide by groups. Received: channels={channels}, filters={filters}, "
                f"groups={self.groups}, split_input={self.split_input}"
            )

    def window(self, size: int) -> tuple[int, int]:
        """The taps along a side of a window, and their distance in pixels."""
        return (3, size // 2) if self.dilate and size > 3 else (size, 1)

    def steps(self, dilation: int) -> tuple[int, int, int]:
        """Strides before, in and after a dilated convolution, since Keras has not both in one.

        All of the dilation's taps are on the pixels that a stride before it keeps, where the one
        divides the other.
        """
        if dilation == 1:
            return 1, self.strides, 1
        return (self.strides, 1, 1) if dilation % self.strides == 0 else (1, 1, self.strides)

    def path(self, index, x, training):
        """U_i of the path `index`."""
        conv, norm = self.paths[index], self.path_norms[index]
        before, _, after = self.steps(self.window(self.kernel_sizes[index])[1])
        reach = conv.kernel_size[0] // 2 * conv.dilation_rate[0]
        x = stride_ops.subsample(x, before, self.data_format)
        x = conv(stride_ops.pad_space(x, reach, self.data_format))
        return ops.relu(norm(stride_ops.subsample(x, after, self.data_format), training=training))

    def call(self, x, training=None, return_attention_scores=False):
        paths = len(self.paths)
        inputs = ops.split(x, paths, self.channel) if self.split_input else [x] * paths
        branches = [self.path(index, one, training) for index, one in enumerate(inputs)]
        s = ops.mean(sum(branches), self.space)  # (B, C)
        z = ops.relu(self.norm(self.squeeze(s), training=training))
        logits = ops.reshape(self.select(z), (-1, paths, s.shape[-1]))
        a = masked_softmax(logits, axis=1)  # (B, paths, C)
        shares = ops.expand_dims(ops.cast(a, s.dtype), [axis + 1 for axis in self.space])
        y = sum(shares[:, index] * branch for index, branch in enumerate(branches))
        return (y, a) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "kernel_sizes": list(self.kernel_sizes),
            "groups": self.groups,
            "reduction": self.reduction,
            "min_hidden": self.min_hidden,
            "dilate": self.dilate,
            "split_input": self.split_input,
        }


def _several_odd(sizes) -> bool:
    if not isinstance(sizes, list | tuple) or len(sizes) < 2:
        return False
    whole = all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
    return whole and all(size >= 1 and size % 2 for size in sizes)
