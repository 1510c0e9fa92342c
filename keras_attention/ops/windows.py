"""Maps cut into windows, grids and overlapping blocks, and back; all maps are channels last.

Sides may be unknown until the call. Where `size` is a `Size`, it may be (height, width) in place of
the side of a square. No step needs a transpose of more than four axes, since accelerators of small
devices often stop there.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

Size = int | tuple[int, int]


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a window."""
    return (size, size) if isinstance(size, int) else size


# Padding and cropping.


def pad(x, size: Size):
    """The map `x` with zeros at the bottom and the right, so that `size` divides both sides."""
    height, width = ops.shape(x)[1:3]
    if fits(height, width, size):
        return x
    rows, columns = sides(size)
    below, right = padded(height, rows) - height, padded(width, columns) - width
    return ops.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))


def padded(length, size: int):
    """The least multiple of `size` that is not below `length`."""
    return -(-length // size) * size


def fits(height, width, size: Size) -> bool:
    """Whether `size` is known to divide both sides."""
    pairs = zip((height, width), sides(size), strict=True)
    return all(isinstance(side, int) and side % one == 0 for side, one in pairs)


def crop(x, height, width):
    """The inverse of `pad`: the first `height` rows and `width` columns."""
    return x[:, :height, :width, :]


def valid(height, width, size: Size):
    """The map (1, padded height, padded width, 1) that is True where `pad` added nothing."""
    rows, columns = map(padded, (height, width), sides(size))
    inside = ops.logical_and(
        ops.arange(rows)[:, None] < height, ops.arange(columns)[None, :] < width
    )
    return inside[None, :, :, None]


def for_batch(mask, batch):
    """The mask (windows, queries, keys) of one map as (batch * windows, 1, queries, keys)."""
    return ops.tile(mask[:, None], (batch, 1, 1, 1))


def key_mask(height, width, size: int, batch, split):
    """(batch * windows, 1, 1, keys), True for keys that `pad` did not add; None if it added none.

    `split` is how the map is partitioned.
    """
    if fits(height, width, size):
        return None
    return for_batch(ops.swapaxes(split(valid(height, width, size), size), 1, 2), batch)


def mean_pool(x, size: int):
    """The mean of each `size` x `size` block of a map; blocks that stick out count what they have.

    The sides become ceil(side / size).
    """
    if size == 1:
        return x
    ones = pad(ops.ones_like(x[:1, :, :, :1]), size)
    sums, counts = (
        ops.average_pool(part, size, size, data_format="channels_last")
        for part in (pad(x, size), ones)
    )
    return sums / counts


# Partitions, each beside its inverse. `size` must divide height and width.


def split(x, size: Size):
    """(B, H, W, C) -> (B * windows, size * size, C): the windows, and in each its positions."""
    rows, columns = sides(size)
    width, channels = ops.shape(x)[2], x.shape[-1]
    x = _swap(x, (-1, rows, width // columns, columns * channels))
    return ops.reshape(x, (-1, rows * columns, channels))


def merge(tokens, size: Size, height, width):
    """The inverse of `split`: (B * windows, size * size, C) -> (B, height, width, C)."""
    rows, columns = sides(size)
    channels = tokens.shape[-1]
    x = _swap(tokens, (-1, width // columns, rows, columns * channels))
    return ops.reshape(x, (-1, height, width, channels))


def split_grid(x, size: int):
    """(B, H, W, C) -> (B * groups, size * size, C): group (i, j) has every H/size-th row from i on
    and every W/size-th column from j on.
    """
    height, width, channels = *ops.shape(x)[1:3], x.shape[-1]
    x = _swap(x, (-1, size, height // size, width * channels))  # (B, H/size, size, W C)
    x = _swap(x, (-1, size, width // size, channels))  # (B H, W/size, size, C)
    return split(ops.reshape(x, (-1, height, width, channels)), size)


def merge_grid(tokens, size: int, height, width):
    """The inverse of `split_grid`: (B * groups, size * size, C) -> (B, height, width, C)."""
    x = merge(tokens, size, height, width)
    channels = x.shape[-1]
    x = _swap(x, (-1, height // size, size, width * channels))
    x = _swap(x, (-1, width // size, size, channels))
    return ops.reshape(x, (-1, height, width, channels))


def split_halo(x, size: int, halo: int):
    """(B, H, W, C) -> (B * blocks, span * span, C), where span = size + 2 * halo.

    Each block of `split` with `halo` rows and columns around it, zeros outside the map. Blocks
    overlap, so there is no inverse; the middle of each is the block of `split`.
    """
    width, channels, span = ops.shape(x)[2], x.shape[-1], size + 2 * halo
    rows = ops.reshape(x, (-1, ops.shape(x)[1], width * channels))
    rows = _with_halo(rows, size, halo)  # (B, H/size, span, W C)
    columns = ops.reshape(rows, (-1, width, channels))
    columns = _with_halo(columns, size, halo)  # (B H/size span, W/size, span, C)
    x = _swap(columns, (-1, span, width // size, span * channels))
    return ops.reshape(x, (-1, span * span, channels))


def _swap(x, shape):
    """`x` in a shape of four axes, with the middle two exchanged."""
    return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))


def _with_halo(x, size, halo):
    """(M, L, C) -> (M, L/size, size + 2 * halo, C), by slices of zero-padded blocks."""
    count, channels = ops.shape(x)[1] // size, ops.shape(x)[2]
    further = -(-2 * halo // size)  # blocks after its first that a window reaches into
    x = ops.pad(x, ((0, 0), (halo, further * size - halo), (0, 0)))
    blocks = ops.reshape(x, (-1, count + further, size, channels))
    parts = [blocks[:, first : first + count] for first in range(further + 1)]
    return ops.concatenate(parts, axis=2)[:, :, : size + 2 * halo]


# Shifted windows.


def roll(x, rows, columns):
    """The map `x` moved up and left around its edges; negative numbers move it back."""
    return _roll(_roll(x, rows, 1), columns, 2)


def _roll(x, shift, axis):
    if isinstance(shift, int) and shift == 0:
        return x
    if isinstance(shift, int):
        front, back = [slice(None)] * 4, [slice(None)] * 4
        front[axis], back[axis] = slice(shift), slice(shift, None)
        return ops.concatenate([x[tuple(back)], x[tuple(front)]], axis=axis)
    length = ops.shape(x)[axis]
    return ops.take(x, (ops.arange(length) + shift) % length, axis=axis)


def shift_along(length, size: int, shift: int):
    """The shift for an axis of padded `length`: none where one window covers it.

    An integer where `length` is one.
    """
    room = length - size  # a multiple of size: none, or more than the shift
    return min(shift, room) if isinstance(room, int) else ops.minimum(shift, room)


def neighbours(height, width, size: Size, shifts):
    """(windows, size * size, size * size): pairs in a window of the rolled map that are near each
    other in the map too, not at opposite edges.
    """
    wrapped = [
        ops.cast(ops.arange(length) >= length - shift, "int32")
        for length, shift in zip((height, width), shifts, strict=True)
    ]
    part = 2 * wrapped[0][:, None] + wrapped[1][None, :]
    part = split(part[None, :, :, None], size)  # (windows, size * size, 1)
    return part == ops.swapaxes(part, 1, 2)


# Dense scores. A slot is the place of a key in the window of a query.


def window_slots(length, size: int, shift=0):
    """(length, length): along one axis the slot of each key for each query, and where the key is
    in another window a number below 0 or from `size` on.
    """
    places = (ops.arange(length) - shift) % padded(length, size)
    return places[None, :] - (places - places % size)[:, None]


def grid_slots(length, size: int):
    """Like `window_slots`, for `split_grid`."""
    step = padded(length, size) // size
    positions = ops.arange(length)
    places = positions % step * size + positions // step
    return places[None, :] - (places - places % size)[:, None]


def halo_slots(length, size: int, halo: int, strides: int = 1):
    """(ceil(length / strides), length): like `window_slots`, for `split_halo`, with slots up to
    size + 2 * halo and every `strides`-th position a query.
    """
    queries = ops.arange(-(-length // strides)) * strides
    return ops.arange(length)[None, :] - (queries - queries % size - halo)[:, None]


class Partition(NamedTuple):
    """A way to cut a map into parts of `size` x `size` positions."""

    split: Callable
    merge: Callable
    slots: Callable


BLOCKS = Partition(split, merge, window_slots)
GRID = Partition(split_grid, merge_grid, grid_slots)


def dense(weights, rows, columns, sizes: tuple[int, int]):
    """The weights (B, heads, queries, keys) of all keys, zero where a query does not see a key.

    Args:
        weights: (B, heads, queries, slots), positions row-major.
        rows: (query rows, key rows), the slot of each key's row for each query's row.
        columns: (query columns, key columns), likewise.
        sizes: Rows and columns of a window: slots = rows * columns.
    """
    height, width = sizes
    seen_rows = ops.logical_and(rows >= 0, rows < height)
    seen_columns = ops.logical_and(columns >= 0, columns < width)
    seen = ops.logical_and(seen_rows[:, None, :, None], seen_columns[None, :, None, :])
    slots = rows[:, None, :, None] * width + columns[None, :, None, :]
    slots = ops.where(seen, slots, height * width)  # the last one, which holds a zero
    queries, keys = (ops.shape(rows)[axis] * ops.shape(columns)[axis] for axis in (0, 1))
    weights = ops.pad(weights, ((0, 0), (0, 0), (0, 0), (0, 1)))
    return ops.take_along_axis(weights, ops.reshape(slots, (1, 1, queries, keys)), axis=-1)
