import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.ops import sample
from tests.layers.tools import assert_close, assert_equal, random_inputs
from tests.torch_oracles import core

MAPS = random_inputs((2, 3, 4, 5))


def sampled(x, y):
    """MAPS at lists of columns and rows, the same for both maps."""
    x, y = (np.broadcast_to(np.array(at, "float32"), (2, len(at))) for at in (x, y))
    return sample.bilinear(MAPS, x, y)


def test_whole_coordinates_are_pixels():
    rows, columns = np.divmod(np.arange(12), 4)
    assert_equal(sampled(columns, rows), MAPS.reshape(2, 12, 5))


def test_between_pixels_and_at_the_border():
    found = sampled([0.25, -0.5, 3.5, 1.0], [1.0, 0.0, 2.0, 2.75])
    expected = [
        0.75 * MAPS[:, 1, 0] + 0.25 * MAPS[:, 1, 1],
        0.5 * MAPS[:, 0, 0],
        0.5 * MAPS[:, 2, 3],
        0.25 * MAPS[:, 2, 1],
    ]
    assert_close(found, np.stack(expected, axis=1), 1e-6)


def test_outside_everything_is_zero():
    far = [-1.0, 4.0, -7.5, 1e30, -1e30]
    assert_equal(sampled(far, [1.0] * 5), np.zeros((2, 5, 5)))
    assert_equal(sampled([1.0] * 5, far), np.zeros((2, 5, 5)))


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-2, 5, width=32), st.floats(-2, 4, width=32)), min_size=3, max_size=3
    )
)
def test_matches_grid_sample(places):
    torch = core.import_oracle("torch")
    x, y = np.array(places, "float32").T
    grid = torch.tensor(np.stack([(x + 0.5) / 4, (y + 0.5) / 3], axis=-1) * 2 - 1)
    expected = torch.nn.functional.grid_sample(
        core.to_torch(MAPS), grid.expand(2, 1, 3, 2), align_corners=False
    )
    assert_close(sampled(x, y), core.from_torch(expected)[:, 0], 1e-5)
