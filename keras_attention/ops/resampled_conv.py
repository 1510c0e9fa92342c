"""A convolution after an image was doubled, or before it is halved, at four ninths of the work.

Doubling by repetition and halving by means are convolutions with a window of 2x2 ones, so either
of them makes one step of stride 2 with the convolution beside it. Karras et al., "Progressive
Growing of GANs", ICLR 2018, arXiv:1710.10196, do so in their code.
"""

import keras
from keras import ops


def widened(kernel):
    """The kernel (k, k, inputs, outputs) convolved with 2x2 ones: (k + 1, k + 1, ...), k odd."""
    kernel = ops.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = kernel[1:] + kernel[:-1]
    return rows[:, 1:] + rows[:, :-1]


def conv_of_doubled(x, wide, data_format: str):
    """conv(up(x)), where up repeats each pixel 2x2 times and zeros stand around the image.

    Args:
        x: Images (batch, height, width, inputs), or channels first.
        wide: `widened(kernel)` of the convolution.
        data_format: "channels_last" or "channels_first".
    Returns: (batch, 2 height, 2 width, outputs), or channels first.
    """
    if not _in_phases():
        turned = ops.transpose(ops.flip(wide, (0, 1)), (0, 1, 3, 2))
        return ops.conv_transpose(x, turned, 2, "same", data_format=data_format)
    pad = wide.shape[0] // 2 - 1
    first = 2 if data_format == "channels_first" else 1
    height, width = ops.shape(x)[first : first + 2]
    x = _padded(x, pad, first)
    # Pixel 2i + a of the result sees `taps` pixels of x, beginning with i + (a + pad) // 2.
    starts = [(phase, (phase + pad) // 2, (phase + pad + 1) % 2) for phase in (0, 1)]
    parts = {}
    for a, top, skip_a in starts:
        for b, left, skip_b in starts:
            rows, columns = slice(top, top + height + pad), slice(left, left + width + pad)
            seen, taps = _cut(x, first, rows, columns), wide[skip_a::2, skip_b::2]
            parts[a, b] = ops.conv(seen, taps, padding="valid", data_format=data_format)
    rows = [ops.stack([parts[a, 0], parts[a, 1]], first + 2) for a in (0, 1)]
    y = ops.stack(rows, first + 1)
    return ops.reshape(y, (-1, *y.shape[1:first], 2 * height, 2 * width, *y.shape[first + 4 :]))


def mean_of_conv(x, wide, data_format: str):
    """mean(conv(x)), where mean is over windows of 2x2 and zeros stand around the image.

    Args: As of `conv_of_doubled`.
    Returns: (batch, height // 2, width // 2, outputs), or channels first.
    """
    pad = wide.shape[0] // 2 - 1
    first = 2 if data_format == "channels_first" else 1
    height, width = (size - size % 2 for size in ops.shape(x)[first : first + 2])
    x = _padded(x, pad, first)
    x = _cut(x, first, slice(height + 2 * pad), slice(width + 2 * pad))
    wide = wide / 4
    if not _in_phases():
        return ops.conv(x, wide, 2, "valid", data_format)
    parts = []
    for a in (0, 1):
        for b in (0, 1):
            rows, columns = slice(a, None, 2), slice(b, None, 2)
            seen, taps = _cut(x, first, rows, columns), wide[rows, columns]
            parts.append(ops.conv(seen, taps, padding="valid", data_format=data_format))
    return sum(parts)


def _in_phases() -> bool:
    """Whether four convolutions of stride 1 are faster than one of stride 2.

    XLA has fast code for gradients of strides on accelerators but none on CPUs.
    """
    return keras.backend.backend() == "jax"


def _padded(x, pad, first):
    width = [(0, 0)] * 4
    width[first] = width[first + 1] = (pad, pad)
    return ops.pad(x, width)


def _cut(x, first, rows, columns):
    """The part of `x` with `rows` and `columns`, which are slices."""
    return x[:, :, rows, columns] if first == 2 else x[:, rows, columns]
