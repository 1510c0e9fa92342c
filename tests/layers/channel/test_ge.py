import functools

import numpy as np
import pytest

from keras_attention.layers import GatherExcite, SqueezeExcite
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_layout,
    to_numpy,
    weight_shapes,
    weight_values,
)
from tests.oracles import channel
from tests.torch_oracles import core

# The paper's theta-, theta and theta+.
FORMS = [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize("extent", [0, 2, 4])
@pytest.mark.parametrize("extra_params, use_mlp", [*FORMS, (False, True)])
def test_matches_the_paper(extent, extra_params, use_mlp):
    form = {"extent": extent, "extra_params": extra_params, "use_mlp": use_mlp}
    layer = GatherExcite(**form, reduction=2)
    assert_matches(layer, functools.partial(channel.gather_excite, **form), (2, 8, 12, 8))


@pytest.mark.parametrize("extent, extra_params", [(0, True), (2, True), (3, False)])
def test_matches_the_paper_on_odd_maps_with_channels_first(extent, extra_params):
    form = {"extent": extent, "extra_params": extra_params}
    layer = GatherExcite(**form, reduction=2, data_format="channels_first")
    assert_matches(layer, functools.partial(channel.gather_excite, **form))


@pytest.mark.parametrize("extent", [0, 2, 4, 8])
@pytest.mark.parametrize("shape", [(2, 8, 16, 4), (2, 7, 9, 4)], ids=["whole", "odd"])
def test_matches_timm(extent, shape):
    timm = core.import_oracle("timm.layers.gather_excite")
    source = timm.GatherExcite(4, use_mlp=False, extent=extent)
    x = random_map(shape)
    assert_library(GatherExcite(extent, use_mlp=False), x, core.run(source, x), "timm")


@pytest.mark.parametrize("extent", [0, 4])
def test_matches_torch_with_parameters(extent):
    torch = core.import_oracle("torch")
    x = random_map()
    layer = randomise(built(GatherExcite(extent, True, False)))
    weights = {name: torch.from_numpy(value) for name, value in weight_values(layer).items()}
    context = torch.from_numpy(np.moveaxis(x, -1, 1)).double()
    for number in (1, 2) if extent else (1,):
        context = torch.relu(context) if number == 2 else context
        kernel = weights[f"gather_{number}/kernel"].permute(2, 3, 0, 1)  # (C, 1, rows, columns)
        stride, padding = (2, 1) if extent else (1, 0)
        context = torch.conv2d(context, kernel, stride=stride, padding=padding, groups=8)
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        norm = [weights[f"gather_norm_{number}/{part}"] for part in parts]
        context = torch.nn.functional.batch_norm(context, *norm, eps=1e-5)
    gate = torch.nn.functional.interpolate(torch.sigmoid(context), size=(7, 9))
    assert_library(layer, x, x * np.moveaxis(gate.numpy(), 1, -1), "torch")


def test_without_parameters_over_the_map_it_is_squeeze_and_excitation():
    x = random_map()
    ours, theirs = (randomise(built(cls(reduction=2))) for cls in (GatherExcite, SqueezeExcite))
    assert weight_shapes(ours) == weight_shapes(theirs)
    assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    "options",
    [{"extent": 3}, {"extent": 2, "extra_params": True}, {"extent": 0, "extra_params": True}],
    ids=str,
)
def test_contract(options):
    check_layer(
        GatherExcite,
        {**options, "reduction": 2},
        others={"extra_params": With(True, extent=2)},
        shape=(4, 5, 6, 8),  # normalised over a batch of two, one number is 1 or -1
        gate=options["extent"] == 0,
        dynamic=options != {"extent": 0, "extra_params": True},
    )


def test_an_extent_of_one_gates_each_value_by_itself():
    x = random_map()
    assert_close(GatherExcite(1, use_mlp=False)(x), x / (1 + np.exp(-x)))


def test_windows_wider_than_the_map_are_its_mean():
    x = random_map((2, 4, 3, 8))
    y = GatherExcite(4, use_mlp=False)(x)
    assert_close(y, GatherExcite(use_mlp=False)(x))


@pytest.mark.parametrize("extra_params", [False, True])
def test_a_shift_by_the_extent_shifts_the_output(extra_params):
    x = np.zeros((1, 16, 16, 4), "float32")
    x[:, 6:9, 6:9] = random_map((1, 3, 3, 4))
    layer = randomise(built(GatherExcite(2, extra_params, use_mlp=False), x.shape))
    y = to_numpy(layer(np.roll(x, 2, axis=(1, 2))))
    assert_close(y, np.roll(to_numpy(layer(x)), 2, axis=(1, 2)))


def test_sums_of_many_values_in_half_precision():
    x = np.full((1, 32, 32, 1), 3.0)
    gate = 1 / (1 + np.exp(-3.0))
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        assert_close(GatherExcite(16, use_mlp=False, dtype=dtype)(x), x * gate, 2e-2)


def test_weights_by_extent():
    def kernels(extent):
        shapes = weight_shapes(built(GatherExcite(extent, True, False), (1, 16, 16, 8)))
        return {path: shape for path, shape in shapes.items() if path.endswith("kernel")}

    assert kernels(0) == {"gather_1/kernel": (16, 16, 8, 1)}
    assert kernels(8) == {f"gather_{number}/kernel": (3, 3, 8, 1) for number in (1, 2, 3)}
    assert weight_shapes(built(GatherExcite(2, use_mlp=False))) == {}


def test_the_kind_of_its_scores():
    assert GatherExcite().score_kind == "channel"
    assert GatherExcite(2).score_kind == "spatial"


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_a_tenth_of_the_running_statistics_is_new_at_each_step(data_format):
    layer = randomise(built(GatherExcite(4, True, reduction=2, data_format=data_format)))
    x = to_layout(random_map(), data_format)
    path = "gather_norm_{}/moving_mean"
    means = []
    for training in (False, True, True):
        layer(x, training=training)
        weights = weight_values(layer)
        means.append([weights[path.format(number)] for number in (1, 2)])
    start, once, twice = np.array(means)
    assert np.abs(once - start).min(axis=0).max() > 0.01
    assert_close(twice - once, 0.9 * (once - start))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"extent": -1}, "extent must be an integer >= 0. Received: extent=-1"),
        ({"reduction": 0}, "reduction must be an integer >= 1. Received: reduction=0"),
        *(
            ({"extent": extent, "extra_params": True}, "power of two above 1 .*: extent=")
            for extent in (1, 3, 6, 12)
        ),
    ],
)
def test_rejects_sizes(options, message):
    with pytest.raises(ValueError, match=f"GatherExcite: .*{message}"):
        GatherExcite(**options)
