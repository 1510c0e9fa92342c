import numpy as np
import pytest

from keras_attention.ops import strides
from tests.layers.tools import (
    DATA_FORMATS,
    assert_equal,
    from_layout,
    random_map,
    to_layout,
    to_numpy,
)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_zeros_go_around_height_and_width(data_format):
    x = random_map((2, 3, 4, 5))
    padded = strides.pad_space(to_layout(x, data_format), 2, data_format)
    padded = from_layout(to_numpy(padded), data_format)
    assert padded.shape == (2, 7, 8, 5)
    assert_equal(padded, np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0))))


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("step", [1, 2, 3])
def test_subsampling_keeps_the_first_row_and_column(data_format, step):
    x = random_map((2, 7, 6, 5))
    kept = strides.subsample(to_layout(x, data_format), step, data_format)
    assert_equal(from_layout(to_numpy(kept), data_format), x[:, ::step, ::step])
