import functools

import numpy as np
import pytest

from keras_attention.layers import BAM
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import spatial
from tests.torch_oracles import core, gates

# Biases in front of a normalisation by the batch.
LOST = ("channel_squeeze/bias", "spatial_reduce/bias", "dilated_1/bias")


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("combine", ["sum", "product"])
def test_matches_the_paper(data_format, combine):
    layer = BAM(combine, reduction=2, data_format=data_format)
    assert_matches(layer, functools.partial(spatial.bam, combine=combine))


@pytest.mark.parametrize("dilation, num_dilated", [(1, 1), (2, 3)])
def test_matches_the_paper_with_other_convolutions(dilation, num_dilated):
    form = {"dilation": dilation, "num_dilated": num_dilated}
    assert_matches(BAM(reduction=4, **form), functools.partial(spatial.bam, **form))


def test_matches_pytorchcv():
    source = core.import_oracle("pytorchcv.models.bamresnet").BamBlock(32)
    core.randomize(source)
    for parameter in source.parameters():
        parameter.data *= 2.5  # or all factors are near 1.5
    x = random_map((2, 7, 9, 32))
    layer = built(BAM("product"), x.shape)
    gates.copy_bam(source, layer)
    assert_library(layer, x, core.run(source, x), "pytorchcv")


@pytest.mark.parametrize("combine", ["sum", "product"])
def test_contract(combine):
    outer = ("channel_excite/bias", "spatial_out/bias") if combine == "sum" else ()
    check_layer(
        BAM,
        {"combine": combine, "reduction": 2, "dilation": 2, "num_dilated": 1},
        others={"combine": "product"},
        shape=(4, 5, 6, 8),  # normalised over a batch of two, one number is 1 or -1
        gate=False,
        zero_gradients=(*LOST, *outer),
    )


def test_the_factor_is_between_one_and_two():
    x = random_map()
    y, factor = randomise(built(BAM(reduction=2)))(x, return_attention_scores=True)
    ratio, factor = to_numpy(y) / x, to_numpy(factor)
    assert 1 <= ratio.min() and ratio.max() <= 2 + 1e-6
    assert np.ptp(factor) > 0.01 and np.allclose(factor, ratio.mean(axis=-1), atol=1e-5)


def test_the_mean_is_over_all_of_a_map_that_is_no_square():
    x = random_map()
    layer = randomise(built(BAM("product", reduction=2)))
    moved = x.copy()
    moved[:, -1, -1] += 100.0
    # Further than the dilated convolutions see, so through the channels only.
    assert np.abs(to_numpy(layer(moved)) - to_numpy(layer(x)))[:, 0, 1].max() > 1e-3


@pytest.mark.parametrize("combine, norms", [("sum", 6), ("product", 4)])
def test_a_tenth_of_the_running_statistics_is_new_at_each_step(combine, norms):
    x, layer = random_map(), randomise(built(BAM(combine, reduction=2)))
    means = []
    for training in (False, True, True):
        layer(x, training=training)
        weights = weight_values(layer)
        means.append({path: weights[path] for path in weights if path.endswith("moving_mean")})
    start, once, twice = means
    assert len(once) == norms
    for path in once:
        assert np.abs(once[path] - start[path]).max() > 1e-3, path
        assert_close(twice[path] - once[path], 0.9 * (once[path] - start[path]), what=path)


def test_number_of_parameters():
    """Two matrices each way, and 2 x 9 hidden^2 of the convolutions; biases and norms besides."""
    shapes = weight_shapes(built(BAM(), (1, 7, 7, 64)))
    kernels = {path: shape for path, shape in shapes.items() if path.endswith("kernel")}
    assert kernels == {
        "channel_squeeze/kernel": (64, 4),
        "channel_excite/kernel": (4, 64),
        "spatial_reduce/kernel": (1, 1, 64, 4),
        "dilated_1/kernel": (3, 3, 4, 4),
        "dilated_2/kernel": (3, 3, 4, 4),
        "spatial_out/kernel": (1, 1, 4, 1),
    }


@pytest.mark.parametrize("name", ["reduction", "dilation", "num_dilated"])
def test_rejects_integers_below_one(name):
    message = f"BAM: {name} must be an integer >= 1. Received: {name}=0"
    with pytest.raises(ValueError, match=message):
        BAM(**{name: 0})


def test_rejects_an_unknown_way_to_combine():
    message = r"BAM: combine must be one of \['sum', 'product'\]. .* Received: combine='produkt'"
    with pytest.raises(ValueError, match=message):
        BAM("produkt")
