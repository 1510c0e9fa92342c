import numpy as np
import pytest

from keras_attention.ops import crf, mean_field
from tests.layers.tools import assert_close, to_numpy
from tests.ops.compiled import compiled
from tests.oracles import random_fields
from tests.oracles.maths import softmax

DRAWS = 40


def unaries(shape=(3, 3), states=2, draws=DRAWS, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(draws, *shape, states)).astype("float32")


def potts(coupling, states=2):
    """Neighbours like to be of one state."""
    return (coupling * np.eye(states)).astype("float32")


def grid(unary, right, down, iterations=5, damping=0.0):
    return to_numpy(
        compiled(
            lambda *given: mean_field.grid(*given, iterations=iterations, damping=damping),
            *(np.asarray(one, "float32") for one in (unary, right, down)),
        )
    )


def exact(unary, right, down, oracle=random_fields.exact_grid):
    """log Z and the marginals of each draw."""
    found = [oracle(*(one.astype("float64") for one in (u, right, down))) for u in unary]
    return np.array([one[0] for one in found]), np.stack([one[1] for one in found])


def worst_error(coupling):
    unary, w = unaries(), potts(coupling)
    return np.abs(grid(unary, w, w, iterations=20) - exact(unary, w, w)[1]).max()


# The grid.


def test_without_coupling_it_is_exact():
    assert worst_error(0.0) < 1e-6


def test_the_error_is_small_for_weak_coupling_and_grows_with_its_square():
    errors = {coupling: worst_error(coupling) for coupling in (0.05, 0.1, 0.25)}
    assert 1e-3 < errors[0.1] <= 2e-3
    for one, two in ((0.05, 0.1), (0.1, 0.25)):
        power = np.log(errors[two] / errors[one]) / np.log(two / one)
        assert 1.5 < power < 2.5


def test_it_is_over_confident_for_strong_coupling():
    """As the documentation of the layer says."""
    unary, w = unaries(), potts(1.0)
    q, p = grid(unary, w, w, iterations=20), exact(unary, w, w)[1]
    assert 0.2 < np.abs(q - p).max() < 0.5
    assert np.abs(q - 0.5).mean() > 1.1 * np.abs(p - 0.5).mean()


@pytest.mark.parametrize("coupling", [0.1, 0.5, 2.0])
def test_the_bound_is_below_the_partition(coupling):
    unary, w = unaries(), potts(coupling)
    log_z, _ = exact(unary, w, w)
    q = grid(unary, w, w).astype("float64")
    q = q.clip(1e-30)
    bounds = [random_fields.elbo(one, u, w, w) for one, u in zip(q, unary, strict=True)]
    assert (np.array(bounds) <= log_z + 1e-5).all()


def test_the_bound_rises_where_one_site_is_updated_after_the_other():
    rng = np.random.default_rng(1)
    unary = unaries(draws=6, states=3)
    right, down = rng.normal(size=(2, 3, 3)).astype("float32")
    q = softmax(unary)
    steps = [list(random_fields.coordinate_ascent(u, right, down, 2)) for u in unary]

    def bounds():
        pairs = zip(q.astype("float64"), unary, strict=True)
        return np.array([random_fields.elbo(one, u, right, down) for one, u in pairs])

    before, start = bounds(), bounds()
    for site in list(np.ndindex(3, 3)) * 2:
        q[:, *site] = to_numpy(compiled(mean_field.grid_update, q, unary, right, down))[:, *site]
        after = bounds()
        assert (after >= before - 1e-5).all()
        before = after
    assert (before > start + 0.01).all()
    assert_close(q, np.stack([one[-1] for one in steps]))


def test_both_schedules_end_at_one_point():
    unary, w = unaries(draws=4), potts(0.25)
    last = [list(random_fields.coordinate_ascent(u, w, w, 15))[-1] for u in unary]
    assert_close(grid(unary, w, w, iterations=20), np.stack(last))


@pytest.mark.parametrize("damping", [0.0, 0.4])
def test_updates_match_the_equation(damping):
    rng = np.random.default_rng(2)
    unary, (right, down) = unaries((2, 4), 3, draws=2), rng.normal(size=(2, 3, 3))
    expected = [random_fields.mean_field_grid(u, right, down, 3, damping) for u in unary]
    assert_close(grid(unary, right, down, 3, damping), np.stack(expected))


def test_states_can_be_renamed():
    rng = np.random.default_rng(3)
    unary, (right, down) = unaries(states=3), rng.normal(size=(2, 3, 3))
    order = np.array([2, 0, 1])
    renamed = [w[np.ix_(order, order)] for w in (right, down)]
    assert_close(grid(unary[..., order], *renamed), grid(unary, right, down)[..., order])


def test_maps_can_be_turned_where_both_directions_are_one():
    w = np.random.default_rng(4).normal(size=(2, 2))
    w = w + w.T
    unary = unaries((3, 5))
    turned = grid(np.rot90(unary, axes=(1, 2)), w, w)
    assert_close(turned, np.rot90(grid(unary, w, w), axes=(1, 2)))


def test_maps_can_be_mirrored_and_transposed_with_their_potentials():
    right, down = np.random.default_rng(5).normal(size=(2, 2, 2))
    unary = unaries((3, 5))
    q = grid(unary, right, down)
    assert_close(grid(unary[:, :, ::-1], right.T, down), q[:, :, ::-1])
    assert_close(grid(unary[:, ::-1], right, down.T), q[:, ::-1])
    assert_close(grid(unary.swapaxes(1, 2), down, right), q.swapaxes(1, 2))


def test_the_transfer_matrix_agrees_with_enumeration():
    unary = unaries(draws=3)
    right, down = np.random.default_rng(6).normal(size=(2, 2, 2))
    by_hand = exact(unary, right, down)
    found = exact(unary, right, down, random_fields.transfer_matrix)
    for one, two in zip(found, by_hand, strict=True):
        assert np.abs(one - two).max() < 1e-9


@pytest.mark.parametrize("shape", [(6, 6), (2, 9)], ids=str)
def test_larger_grids_against_the_transfer_matrix(shape):
    unary, w = unaries(shape, draws=4), potts(0.1)
    _, p = exact(unary, w, w, random_fields.transfer_matrix)
    assert np.abs(grid(unary, w, w) - p).max() <= 3e-3


def test_one_row_is_close_to_the_chain():
    unary, w = unaries((1, 8)), potts(0.1)
    p = compiled(lambda u, t: crf.marginals(crf.edges_of(u, t)), unary[:, 0], w)
    difference = np.abs(grid(unary, w, w)[:, 0] - to_numpy(p)).max()
    assert 1e-5 < difference <= 2e-3


# Windows.


@pytest.mark.parametrize("blur, shape", [(2, (4, 6)), (2, (5, 7)), (4, (5, 6)), (3, (7, 8))])
def test_squares_and_back(blur, shape):
    x = unaries(shape, draws=1)
    small = compiled(lambda x: mean_field.shrink(x, blur), x)
    expected = random_fields.shrink(x[0].astype("float64"), blur)
    assert_close(small[0], expected)
    back = compiled(lambda x: mean_field.expand(x, blur, *shape), to_numpy(small))
    assert_close(back[0], random_fields.expand(expected, blur, *shape))


def test_no_blur_is_nothing():
    x = unaries((3, 4), draws=1)
    assert mean_field.shrink(x, 1) is x
    assert mean_field.expand(x, 1, 3, 4) is x


def test_the_kernel_of_a_window():
    x = unaries((3, 4), draws=1)
    kernel = to_numpy(
        compiled(lambda x: mean_field.gaussian_kernel((x, 2 * x), (3.0, 0.5), 3), x)
    ).reshape(3, 4, 3, 3)
    for row, column, i, j in np.ndindex(3, 4, 3, 3):
        other = row + i - 1, column + j - 1
        if 0 <= other[0] < 3 and 0 <= other[1] < 4:
            square = ((x[0, row, column] - x[0, *other]) ** 2).sum()
            expected = 3 * np.exp(-square / 2) + 0.5 * np.exp(-2 * square)
            assert abs(kernel[row, column, i, j] - expected) < 1e-5


def test_positions_are_rows_and_columns():
    places = to_numpy(mean_field.positions(2, 3))
    assert places.shape == (1, 2, 3, 2)
    assert places[0, 1, 2].tolist() == [1, 2]
