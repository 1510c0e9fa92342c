import numpy as np
import pytest

from keras_attention.ops import pool
from tests.layers.tools import assert_close, random_map


@pytest.mark.parametrize("over", [(1, 2), (2, 3), 3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_mean_and_max_in_this_order(over, keepdims):
    x = random_map()
    mean, largest = pool.mean_and_max(x, over, keepdims=keepdims)
    assert_close(mean, np.mean(x, over, keepdims=keepdims), 1e-6)
    assert_close(largest, np.max(x, over, keepdims=keepdims), 0)
