"""Where space and channels are in tokens, maps and videos, for either data format."""

import math

from keras import ops

DATA_FORMATS = ("channels_last", "channels_first")
_NAMES = {3: ("tokens",), 4: ("height", "width"), 5: ("time", "height", "width")}
_FORMS = {3: "tokens", 4: "a map", 5: "a video"}


def channel_axis(data_format: str, rank: int = 4) -> int:
    """The axis of the channels in a batch with `rank` axes; tokens have them last in any format."""
    return 1 if data_format == "channels_first" and rank > 3 else rank - 1


def space_axes(data_format: str, rank: int = 4) -> tuple[int, ...]:
    """The axes that are neither the batch nor the channels, in their order."""
    channel = channel_axis(data_format, rank)
    return tuple(axis for axis in range(1, rank) if axis != channel)


def describe(rank: int, data_format: str) -> str:
    """ "a map (batch, height, width, channels)", as an error message names a form of input."""
    if rank not in _NAMES:
        return f"an input with {rank} axes"
    names = [*_NAMES[rank], "channels"]
    if channel_axis(data_format, rank) == 1:
        names = ["channels", *_NAMES[rank]]
    return f"{_FORMS[rank]} (batch, {', '.join(names)})"


def to_last(x, data_format: str):
    """`x` with its channels on the last axis."""
    if channel_axis(data_format, len(x.shape)) == len(x.shape) - 1:
        return x
    return ops.moveaxis(x, 1, -1)


def from_last(x, data_format: str):
    """The inverse of `to_last`: a channels-last `x` in `data_format`."""
    if channel_axis(data_format, len(x.shape)) == len(x.shape) - 1:
        return x
    return ops.moveaxis(x, -1, 1)


def to_tokens(x, data_format: str):
    """Tokens (B, N, C) of tokens, a map or a video, positions row-major."""
    if len(x.shape) == 3:
        return x
    x = to_last(x, data_format)
    batch, *sizes, channels = ops.shape(x)
    if all(isinstance(size, int) for size in sizes):  # a number that TensorFlow then knows too
        return ops.reshape(x, (-1, math.prod(sizes), channels))
    return ops.reshape(x, (batch, -1, channels))


def from_tokens(tokens, like, data_format: str):
    """The inverse of `to_tokens`: (B, N, C') in the form of `like`, with C' channels."""
    if len(like.shape) == 3:
        return tokens
    shape = ops.shape(like)
    space = [shape[axis] for axis in space_axes(data_format, len(like.shape))]
    y = ops.reshape(tokens, (shape[0], *space, tokens.shape[-1]))
    return from_last(y, data_format)
