import numpy as np
import pytest
from keras import ops

from keras_attention.ops import lookup
from tests.layers.tools import to_numpy

TABLE = np.arange(12, dtype="float32").reshape(4, 3)


def test_rows():
    index = np.array([[0, 3], [2, 2]], "int64")
    np.testing.assert_array_equal(
        to_numpy(lookup.rows(ops.convert_to_tensor(TABLE), index)), TABLE[index]
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_no_row_is_no_number(dtype):
    table = ops.cast(ops.convert_to_tensor(TABLE), dtype)
    found = lookup.rows(table, np.array([-5, -1, 0, 3, 4, 1000], "int32"))
    assert found.dtype == table.dtype
    expected = np.full((6, 3), np.nan)
    expected[2:4] = TABLE[[0, 3]]
    np.testing.assert_array_equal(to_numpy(found), expected)
