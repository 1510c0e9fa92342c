import functools

import numpy as np
import pytest

from keras_attention import layers
from keras_attention.layers import MultiHeadSelfAttention, WindowAttention
from tests.contract.case import With
from tests.helpers import check_layer
from tests.layers.tools import (
    SHAPE,
    assert_close,
    assert_library,
    assert_matches,
    built,
    gradients,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import windows
from tests.torch_oracles import core
from tests.torch_oracles.windows import copy_window

# The paper's two versions, plain, shifted and with each treatment of the padding of 7 x 9 pixels.
FORMS = [
    ({}, "channels_last"),
    ({"shift": 1, "mask_padding": True}, "channels_first"),
    ({"version": 2, "shift": 2}, "channels_last"),
    ({"version": 2, "mask_padding": True, "pretrained_window": 5}, "channels_first"),
]


@pytest.mark.parametrize("form, data_format", FORMS, ids=str)
def test_matches_the_paper(form, data_format):
    oracle = functools.partial(windows.window, window_size=3, **form)
    layer = WindowAttention(3, num_heads=2, data_format=data_format, **form)
    assert_matches(layer, oracle, scale=0.2)


@pytest.mark.parametrize("version", [1, 2])
def test_matches_the_paper_where_one_window_covers_an_axis(version):
    oracle = functools.partial(windows.window, window_size=4, shift=1, version=version)
    layer = WindowAttention(4, 1, 2, version, use_bias=False)
    assert_matches(layer, oracle, shape=(2, 3, 9, 4), scale=0.2)


@pytest.mark.parametrize("window", [4, (3, 4), (2, 12)])
@pytest.mark.parametrize("version, shift", [(1, 0), (1, 2), (2, 2)])
def test_matches_torchvision(version, shift, window):
    torchvision = core.import_oracle("torchvision.models.swin_transformer")
    make = {1: torchvision.ShiftedWindowAttention, 2: torchvision.ShiftedWindowAttentionV2}
    sides = [window, window] if window == 4 else list(window)
    source = core.seeded(lambda: make[version](16, sides, [shift, shift], 2))
    core.randomize(source)
    x = random_map((2, 7, 9, 16))
    layer = built(WindowAttention(window, shift, 2, version), x.shape)
    copy_window(source, layer)
    expected = core.run(source, x, data_format="channels_first")  # that is, as it is
    assert_library(layer, x, expected, "torchvision")


@pytest.mark.parametrize("mask_padding", [True, False])
def test_a_window_that_is_no_square_sees_its_own_pixels(mask_padding):
    x = random_map((1, 4, 9, 4))
    layer = WindowAttention((2, 4), 1, 1, mask_padding=mask_padding)
    _, scores = randomise(built(layer, x.shape))(x, return_attention_scores=True)
    seen = to_numpy(scores).reshape(4, 9, 4, 9) > 0
    rows, columns = np.array([0, 1, 1, 2]), np.array([0, 1, 1, 1, 1, 2, 2, 2, 2])
    same_row, same_column = rows[:, None] == rows, columns[:, None] == columns
    assert np.array_equal(seen, same_row[:, None, :, None] & same_column[None, :, None, :])


@pytest.mark.parametrize("version", [1, 2])
def test_contract(version):
    others = {"num_heads": 1, "version": 2, "dropout": 0.5}
    others["pretrained_window"] = With(5, version=2)
    check_layer(
        WindowAttention,
        {"window_size": 3, "num_heads": 2, "version": version},
        others=others,
        scores=lambda shape: (shape[0], 2, shape[1] * shape[2], shape[1] * shape[2]),
        one_channel=False,
        together={"version": 2, "pretrained_window": 5, "num_heads": 1, "shift": 2},
        weight_scale=0.2,
    )


def test_shapes_of_the_weights():
    shapes = weight_shapes(built(WindowAttention(3, num_heads=2)))
    assert shapes["position_bias"] == (25, 2)
    assert shapes["qkv/kernel"] == (8, 24)
    shapes = weight_shapes(built(WindowAttention(3, num_heads=2, version=2)))
    assert shapes["logit_scale"] == (2, 1, 1)
    assert shapes["cpb_hidden/kernel"] == (2, 512)
    assert shapes["cpb_out/kernel"] == (512, 2)
    assert "cpb_out/bias" not in shapes


def test_what_the_weights_start_from():
    table = to_numpy(built(WindowAttention(7)).position_bias)
    assert table.std() == pytest.approx(0.88 * 0.02, rel=0.12)  # truncated at twice 0.02
    layer = built(WindowAttention(3, version=2))
    assert_close(layer.logit_scale, np.full((4, 1, 1), np.log(10)))


@pytest.mark.parametrize("version", [1, 2])
def test_a_window_that_covers_the_map_is_attention_to_all(version):
    """However large it is, and whatever the shift, once the padding is masked."""
    x = random_map((2, 4, 5, 8))
    outputs = []
    for shift in (0, 2):
        layer = WindowAttention(6, shift, 2, version, mask_padding=True)
        y, scores = randomise(built(layer, x.shape), scale=0.2)(x, return_attention_scores=True)
        assert to_numpy(scores).min() > 0
        assert_close(to_numpy(scores).sum(-1), np.ones((2, 2, 20)))
        outputs.append(y)
    assert_close(outputs[0], outputs[1])


def test_a_window_of_the_size_of_the_map_is_multi_head_attention():
    x = random_map((2, 5, 5, 8))
    window = randomise(built(WindowAttention(5, num_heads=2), x.shape))
    whole = MultiHeadSelfAttention(2, relative_position_bias=True)
    whole = randomise(built(whole, x.shape))  # weights of equal names are equal
    for one, two in zip(
        window(x, return_attention_scores=True),
        whole(x, return_attention_scores=True),
        strict=True,
    ):
        assert_close(one, two)


@pytest.mark.parametrize("shift", [0, 1])
def test_moving_the_map_by_a_window_moves_the_output(shift):
    x = random_map((1, 9, 9, 8))
    layer = randomise(built(WindowAttention(3, shift, 2), x.shape))
    moved = to_numpy(layer(np.roll(x, (3, 3), (1, 2))))
    first, second = slice(shift, shift + 3), slice(shift + 3, shift + 6)
    assert_close(moved[:, second, second], to_numpy(layer(x))[:, first, first])


def test_a_shifted_window_ends_at_the_edge_of_the_map():
    x = random_map((1, 6, 6, 4))
    layer = randomise(built(WindowAttention(3, 1, 1), x.shape))
    _, scores = layer(x, return_attention_scores=True)
    seen = to_numpy(scores).reshape(6, 6, 6, 6) > 0
    parts = np.array([0, 1, 1, 1, 2, 2])  # windows start at 1 and 4; the one at 4 is cut
    same = parts[:, None] == parts[None, :]
    assert np.array_equal(seen, same[:, None, :, None] & same[None, :, None, :])


def test_the_largest_scale_of_version_2_still_hides_other_windows():
    """With -100 in place of a mask they would come back: logits reach from -100 to 116."""
    x = random_map((1, 6, 6, 4))
    layer = built(WindowAttention(3, 1, 1, version=2), x.shape)
    layer.logit_scale.assign(np.full((1, 1, 1), 9.0))
    y, scores = layer(x, return_attention_scores=True)
    assert to_numpy(scores).reshape(6, 6, 6, 6)[0, :, 1:].max() == 0
    layer.logit_scale.assign(np.full((1, 1, 1), np.log(100)))
    assert_close(layer(x), y)


def test_version_2_has_no_bias_of_keys():
    layer = built(WindowAttention(3, num_heads=2, version=2))
    names = [weight.name for weight in layer.weights if "bias" in weight.name]
    assert names.count("query_bias") == names.count("value_bias") == 1
    assert "key_bias" not in names and layer.qkv.bias is None


@pytest.mark.parametrize("mask_padding", [True, False])
def test_padding_dims_the_border_of_a_constant_map_unless_masked(mask_padding):
    x = np.ones(SHAPE, "float32")
    layer = randomise(built(WindowAttention(4, num_heads=2, mask_padding=mask_padding)))
    y, scores = layer(x, return_attention_scores=True)
    y, rows = to_numpy(y), to_numpy(scores).sum(-1)
    border = np.abs(y[:, -1, -1] - y[:, 0, 0]).max()
    if mask_padding:
        assert border < 1e-5
        assert_close(rows, np.ones_like(rows))
    else:
        assert border > 0.1
        assert rows.min() < 0.9


def test_zero_vectors_have_finite_gradients_in_version_2():
    """Without biases the padding has keys of length zero."""
    layer = randomise(built(WindowAttention(4, num_heads=2, version=2, use_bias=False)), scale=0.2)
    assert all(np.isfinite(one).all() for one in gradients(layer, random_map()).values())


def test_aliases():
    assert isinstance(layers.get("swin", window_size=3), WindowAttention)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"window_size": 0}, "window_size must be an integer >= 1. Received: window_size=0"),
        ({"shift": -1}, "shift must be an integer >= 0. Received: shift=-1"),
        ({"window_size": 4, "shift": 4}, "shift must be below window_size=4. Received: shift=4"),
        ({"window_size": (4, 0)}, "two integers >= 1. Received: window_size=\\(4, 0\\)"),
        ({"window_size": (4, 3), "shift": 4}, "shift must be below window_size=\\(4, 3\\)"),
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"version": 3}, "version must be 1 or 2. Received: version=3"),
        ({"pretrained_window": 5}, "pretrained_window needs version=2"),
        ({"pretrained_window": 0, "version": 2}, "Received: pretrained_window=0"),
        ({"dropout": 1}, "dropout must be in .* Received: dropout=1"),
    ],
    ids=str,
)
def test_rejects_mistakes(options, message):
    with pytest.raises(ValueError, match=f"WindowAttention: .*{message}|{message}"):
        WindowAttention(**options)


def test_rejects_heads_that_do_not_divide_the_channels():
    message = "WindowAttention 'odd': num_heads must divide 8 channels. Received: num_heads=3"
    with pytest.raises(ValueError, match=message):
        built(WindowAttention(num_heads=3, name="odd"))
