import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.ops import windows
from tests.layers.tools import assert_close, assert_equal, random_map, to_numpy

SIZES = st.integers(1, 4)
COUNTS = st.integers(1, 3)
PARTITIONS = {
    "windows": (windows.split, windows.merge),
    "grid": (windows.split_grid, windows.merge_grid),
}


@pytest.mark.parametrize("partition", PARTITIONS)
@settings(max_examples=10, deadline=None)
@given(size=SIZES, rows=COUNTS, columns=COUNTS)
def test_merge_undoes_split(partition, size, rows, columns):
    split, merge = PARTITIONS[partition]
    x = random_map((2, size * rows, size * columns, 3))
    tokens = split(x, size)
    assert tuple(tokens.shape) == (2 * rows * columns, size * size, 3)
    assert_equal(merge(tokens, size, size * rows, size * columns), x)


@settings(max_examples=10, deadline=None)
@given(size=SIZES, height=st.integers(1, 6), width=st.integers(1, 6))
def test_crop_undoes_pad(size, height, width):
    x = random_map((1, height, width, 2)) + 100
    padded = windows.pad(x, size)
    rows, columns = padded.shape[1:3]
    assert rows % size == columns % size == 0
    assert rows - height < size and columns - width < size
    assert_equal(windows.crop(padded, height, width), x)
    assert np.array_equal(
        to_numpy(windows.valid(height, width, size)), to_numpy(padded)[..., :1] > 0
    )


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(0, 3), columns=st.integers(0, 4))
def test_roll_is_undone_by_its_negative(rows, columns):
    x = random_map((1, 4, 5, 2))
    rolled = windows.roll(x, rows, columns)
    assert_equal(rolled, np.roll(x, (-rows, -columns), (1, 2)))
    assert_equal(windows.roll(rolled, -rows, -columns), x)
    known_later = (ops.convert_to_tensor(shift, "int32") for shift in (rows, columns))
    assert_equal(windows.roll(x, *known_later), rolled)


def test_windows_are_neighbours_in_their_order():
    x = np.arange(2 * 4 * 6, dtype="float32").reshape(2, 4, 6, 1)
    tokens = to_numpy(windows.split(x, 2))[..., 0]
    places = itertools.product(range(2), range(0, 4, 2), range(0, 6, 2))
    expected = [x[b, i : i + 2, j : j + 2, 0].ravel() for b, i, j in places]
    assert np.array_equal(tokens, expected)


def test_windows_may_be_no_squares():
    x = random_map((2, 4, 9, 3))
    padded = windows.pad(x, (2, 5))
    assert tuple(padded.shape) == (2, 4, 10, 3)
    assert windows.fits(4, 10, (2, 5)) and not windows.fits(4, 9, (2, 5))
    ones = np.pad(np.ones((1, 4, 9, 1)), ((0, 0), (0, 0), (0, 1), (0, 0)))
    assert np.array_equal(to_numpy(windows.valid(4, 9, (2, 5))), ones)
    tokens = windows.split(padded, (2, 5))
    places = itertools.product(range(2), range(0, 4, 2), range(0, 10, 5))
    whole = to_numpy(padded)
    expected = [whole[b, i : i + 2, j : j + 5].reshape(-1, 3) for b, i, j in places]
    assert_equal(tokens, np.array(expected))
    assert_equal(windows.crop(windows.merge(tokens, (2, 5), 4, 10), 4, 9), x)


def test_groups_of_a_grid_are_dilated():
    """Of 6 x 6 positions the first group of 3 x 3 has rows and columns 0, 2, 4."""
    x = np.arange(2 * 6 * 6, dtype="float32").reshape(2, 6, 6, 1)
    tokens = to_numpy(windows.split_grid(x, 3))[..., 0]
    places = itertools.product(range(2), range(2), range(2))
    expected = [x[b, i::2, j::2, 0].ravel() for b, i, j in places]
    assert np.array_equal(tokens, expected)


@pytest.mark.parametrize("size, halo", [(2, 0), (2, 1), (2, 2), (2, 3), (3, 4), (1, 2), (6, 7)])
def test_blocks_with_a_halo_are_their_surroundings(size, halo):
    x = random_map((2, 6, 12, 2))
    span = size + 2 * halo
    around = np.pad(x, ((0, 0), (halo, halo), (halo, halo), (0, 0)))
    places = itertools.product(range(2), range(0, 6, size), range(0, 12, size))
    expected = [around[b, i : i + span, j : j + span].reshape(-1, 2) for b, i, j in places]
    tokens = windows.split_halo(x, size, halo)
    assert_equal(tokens, np.array(expected))
    middle = to_numpy(tokens).reshape(-1, span, span, 2)[:, halo : halo + size, halo : halo + size]
    assert_equal(windows.split(x, size), middle.reshape(-1, size * size, 2))


def test_a_shift_is_none_where_one_window_covers_the_axis():
    assert [windows.shift_along(length, 4, 3) for length in (4, 8, 12)] == [0, 3, 3]
    lengths = (ops.convert_to_tensor(length, "int32") for length in (4, 8))
    assert [int(windows.shift_along(length, 4, 3)) for length in lengths] == [0, 3]


def test_neighbours_of_a_rolled_map_are_not_across_its_edge():
    first, right, below, last = to_numpy(windows.neighbours(4, 4, 2, (1, 1)))
    same = np.eye(2, dtype=bool)
    everything = np.ones((2, 2), bool)
    assert np.array_equal(first, np.kron(everything, everything))
    assert np.array_equal(right, np.kron(everything, same))  # of two columns the last is the first
    assert np.array_equal(below, np.kron(same, everything))
    assert np.array_equal(last, np.kron(same, same))
    assert to_numpy(windows.neighbours(4, 4, 2, (0, 0))).all()


def test_the_mask_of_a_window_is_repeated_for_the_batch():
    mask = np.arange(6).reshape(3, 1, 2) % 2 == 0
    repeated = windows.for_batch(mask, 2)
    assert_equal(repeated, np.stack([*mask, *mask])[:, None])


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_mask_of_keys_is_false_on_padding(partition):
    split, _ = PARTITIONS[partition]
    assert windows.key_mask(4, 6, 2, 2, split) is None
    mask = to_numpy(windows.key_mask(3, 5, 2, 2, split))
    assert mask.shape == (2 * 6, 1, 1, 4)
    ones = windows.pad(np.ones((2, 3, 5, 1), "float32"), 2)
    assert np.array_equal(mask[:, 0, 0], to_numpy(split(ones, 2))[..., 0])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_means_of_blocks_count_what_is_there(size):
    x = random_map((2, 5, 7, 3))
    rows, columns = -(-5 // size), -(-7 // size)
    expected = np.zeros((2, rows, columns, 3))
    for i, j in itertools.product(range(rows), range(columns)):
        block = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
        expected[:, i, j] = block.mean(axis=(1, 2))
    assert_close(windows.mean_pool(x, size), expected)


# Slots: for each partition, weights that name their key end up at that key.


def keys_of(split, size, height, width):
    """For each window, the numbers 1 to N of the keys in its slots; 0 is padding."""
    keys = np.arange(1, height * width + 1, dtype="float32").reshape(1, height, width, 1)
    return to_numpy(split(windows.pad(keys, size), size))[..., 0]


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("height, width", [(4, 6), (3, 5), (1, 2)])
def test_dense_puts_weights_at_their_keys(partition, height, width):
    split, merge = PARTITIONS[partition]
    slots = {"windows": windows.window_slots, "grid": windows.grid_slots}[partition]
    keys = keys_of(split, 2, height, width)  # (windows, slots)
    by_query = np.broadcast_to(keys[:, None], (len(keys), 4, 4))
    sides = [-(-side // 2) * 2 for side in (height, width)]
    compact = to_numpy(windows.crop(merge(by_query, 2, *sides), height, width))
    compact = compact.reshape(1, 1, -1, 4)
    found = to_numpy(windows.dense(compact, slots(height, 2), slots(width, 2), (2, 2)))[0, 0]
    queries = np.arange(1, height * width + 1)
    for query, row in zip(queries, found, strict=True):
        window = next(window for window in keys if query in window)
        expected = np.where(np.isin(queries, window), queries, 0)
        assert np.array_equal(row, expected)


@pytest.mark.parametrize("strides", [1, 2])
def test_dense_puts_weights_of_a_halo_at_their_keys(strides):
    height, width, size, halo = 5, 3, 2, 1
    keys = keys_of(lambda x, size: windows.split_halo(x, size, halo), size, height, width)
    rows = windows.halo_slots(height, size, halo, strides)
    columns = windows.halo_slots(width, size, halo, strides)
    places = list(itertools.product(range(0, height, strides), range(0, width, strides)))
    compact = np.array([keys[i // size * 2 + j // size] for i, j in places], "float32")
    found = to_numpy(windows.dense(compact[None, None], rows, columns, (4, 4)))[0, 0]
    for (i, j), row in zip(places, found, strict=True):
        top, left = i - i % size - halo, j - j % size - halo
        expected = [
            i2 * width + j2 + 1 if top <= i2 < top + 4 and left <= j2 < left + 4 else 0
            for i2, j2 in itertools.product(range(height), range(width))
        ]
        assert np.array_equal(row, expected)


def test_slots_of_a_shifted_window_wrap_around_the_edge():
    slots = to_numpy(windows.window_slots(6, 3, 1))
    assert np.array_equal(slots[2, 1:4], [0, 1, 2])
    assert np.array_equal(slots[5, [4, 5, 0]], [0, 1, 2])
    inside = (slots >= 0) & (slots < 3)
    assert np.array_equal(inside[2], [False, True, True, True, False, False])
    assert np.array_equal(inside[5], [True, False, False, False, True, True])


def test_slots_of_a_window_that_is_no_square():
    rows, columns = (windows.halo_slots(side, 1, reach) for side, reach in ((2, 1), (4, 2)))
    weights = np.arange(1, 16, dtype="float32").reshape(1, 1, 1, 15)  # 3 rows, 5 columns
    weights = np.broadcast_to(weights, (1, 1, 8, 15))
    found = to_numpy(windows.dense(weights, rows, columns, (3, 5))).reshape(2, 4, 2, 4)
    assert np.array_equal(found[0, 0], [[8, 9, 10, 0], [13, 14, 15, 0]])
    assert np.array_equal(found[1, 3], [[0, 1, 2, 3], [0, 6, 7, 8]])
