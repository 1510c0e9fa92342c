import functools

import keras
import numpy as np
import pytest

from keras_attention.layers import StyleRecalibration
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    gradients,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import channel, maths
from tests.torch_oracles import core


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("unbiased", [True, False])
def test_matches_the_paper(data_format, unbiased):
    layer = StyleRecalibration(unbiased=unbiased, data_format=data_format)
    oracle = functools.partial(channel.style_recalibration, unbiased=unbiased)
    assert_matches(layer, oracle, (2, 2, 3, 8))


def test_matches_the_paper_with_another_epsilon():
    oracle = functools.partial(channel.style_recalibration, epsilon=0.5)
    assert_matches(StyleRecalibration(0.5), oracle)


@pytest.mark.parametrize("unbiased", [True, False])
def test_matches_torch(unbiased):
    torch = core.import_oracle("torch")
    x = random_map()
    layer = randomise(built(StyleRecalibration(1e-12, unbiased=unbiased)))
    weights = {name: torch.from_numpy(value) for name, value in weight_values(layer).items()}
    given = torch.from_numpy(x).double()
    style = torch.stack([given.mean((1, 2)), given.std((1, 2), unbiased=unbiased)], dim=-1)
    z = torch.einsum("bck,ck->bc", style, weights["style"])
    norm = [weights[f"norm/{name}"] for name in ("moving_mean", "moving_variance")]
    scale, offset = weights["norm/gamma"], weights["norm/beta"]
    z = torch.nn.functional.batch_norm(z, *norm, scale, offset, eps=1e-5)
    gate = torch.sigmoid(z).numpy()
    assert_library(layer, x, x * gate[:, None, None, :], "torch")


@pytest.mark.parametrize("unbiased", [True, False])
def test_contract(unbiased):
    check_layer(
        StyleRecalibration,
        {"unbiased": unbiased},
        others={"epsilon": 0.5},
        shape=(4, 5, 6, 8),  # normalised over a batch of two, one number is 1 or -1
    )


def test_training_normalises_by_the_batch_and_keeps_running_statistics():
    x = random_map((4, 3, 4, 8))
    layer = randomise(built(StyleRecalibration(), x.shape))
    weights = weight_values(layer)
    style = np.stack([x.mean((1, 2)), x.std((1, 2), ddof=1)], axis=-1)
    z = (style * weights["style"]).sum(-1)
    batch = {**weights, "norm/moving_mean": z.mean(0), "norm/moving_variance": z.var(0)}
    gate = maths.sigmoid(maths.batch_norm(z, batch, "norm", 1e-5))
    y = layer(x, training=True)
    assert_close(y, x * gate[:, None, None, :], 1e-4)
    after = weight_values(layer)
    for name in ("norm/moving_mean", "norm/moving_variance"):
        assert_close(after[name], 0.9 * weights[name] + 0.1 * batch[name], what=name)


def test_starts_as_a_half():
    assert_equal(StyleRecalibration()(random_map()), random_map() / 2)


def test_a_constant_map_has_finite_gradients():
    layer = randomise(built(StyleRecalibration(), (2, 3, 4, 8)))
    x = np.ones((2, 3, 4, 8), "float32")
    assert all(np.isfinite(one).all() for one in gradients(layer, x).values())


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_rejects_a_map_of_one_position(data_format):
    shape = (2, 1, 1, 8) if data_format == "channels_last" else (2, 8, 1, 1)
    message = "StyleRecalibration needs more than one position in a map. Received: input_shape="
    for unknown in ((None, None, 8), (8, None, None)):
        layer = StyleRecalibration(data_format=data_format)
        if unknown[0 if data_format == "channels_last" else -1] is None:
            model = keras.Sequential([keras.Input(unknown), layer])
            with pytest.raises(ValueError, match=message):
                model(np.ones(shape, "float32"))
    with pytest.raises(ValueError, match=message):
        StyleRecalibration(data_format=data_format)(np.ones(shape, "float32"))
    y = StyleRecalibration(unbiased=False, data_format=data_format)(np.ones(shape, "float32"))
    assert_equal(y, np.full(shape, 0.5))


@pytest.mark.parametrize("shape", [(2, 1, 5, 8), (2, 5, 1, 8)])
def test_a_map_of_one_row_or_column(shape):
    assert np.isfinite(to_numpy(StyleRecalibration()(random_map(shape)))).all()


def test_rejects_epsilon_not_above_zero():
    message = "StyleRecalibration: epsilon must be above 0. Received: epsilon=0"
    with pytest.raises(ValueError, match=message):
        StyleRecalibration(0)
