import numpy as np
import pytest

from keras_attention.ops import axes


@pytest.mark.parametrize(
    "data_format, rank, channel, space",
    [
        ("channels_last", 4, 3, (1, 2)),
        ("channels_first", 4, 1, (2, 3)),
        ("channels_last", 5, 4, (1, 2, 3)),
        ("channels_first", 5, 1, (2, 3, 4)),
        ("channels_last", 3, 2, (1,)),
    ],
)
def test_axes_of_a_batch_of_maps(data_format, rank, channel, space):
    assert axes.channel_axis(data_format, rank) == channel
    assert axes.space_axes(data_format, rank) == space


def test_maps_have_four_axes():
    sizes = np.array([2, 7, 9, 8])
    assert sizes[axes.channel_axis("channels_last")] == 8
    assert tuple(sizes[list(axes.space_axes("channels_last"))]) == (7, 9)
