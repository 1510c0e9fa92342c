import keras
import numpy as np
import pytest

from keras_attention.layers import AdditiveAttention, TemporalAttention
from tests.helpers import check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_matches,
    built,
    random_inputs,
    random_map,
    randomise,
    to_layout,
    to_numpy,
    weight_shapes,
)
from tests.oracles import pooling

FRAMES, VIDEO, QUERY = (2, 7, 6), (2, 5, 3, 4, 6), (2, 3)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("shape", [FRAMES, VIDEO, [FRAMES, QUERY], [VIDEO, QUERY]], ids=str)
def test_matches_the_paper(shape, data_format):
    assert_matches(TemporalAttention(4, data_format=data_format), pooling.temporal, shape)


def test_is_additive_attention_for_frames_of_one_place():
    x, query = random_inputs([FRAMES, QUERY])
    layer = randomise(built(TemporalAttention(4), [FRAMES, QUERY]))
    other = built(AdditiveAttention(4), [QUERY, FRAMES])
    other.bias.assign(layer.frames.bias)
    for ours, theirs in (("frames", "key"), ("query", "query"), ("score", "score")):
        getattr(other, theirs).set_weights([to_numpy(getattr(layer, ours).kernel)])
    mask = np.arange(7) < np.array([[7], [4]])
    y, scores = layer([x, query], mask=mask, return_attention_scores=True)
    expected, weights = other([query, x], mask=mask, return_attention_scores=True)
    assert_close(y, expected)
    assert_close(scores, weights[:, 0, 0])


def test_contract_for_frames():
    check_layer(
        TemporalAttention,
        {"units": 4},
        shape=FRAMES,
        output=lambda shape: (shape[0], shape[-1]),
        scores=lambda shape: (2, 7),
        rows=("",),
        mask=0,
    )


def test_contract_for_videos_with_a_query():
    check_layer(
        TemporalAttention,
        {"units": 4},
        shape=[VIDEO, QUERY],
        output=lambda shapes: (shapes[0][0], *shapes[0][2:]),
        scores=lambda shapes: (2, 5),
        rows=("",),
        mask=0,
    )


def test_weights():
    frames = {"frames/kernel": (6, 4), "frames/bias": (4,), "score/kernel": (4, 1)}
    assert weight_shapes(built(TemporalAttention(4), VIDEO)) == frames
    with_query = weight_shapes(built(TemporalAttention(4), [VIDEO, QUERY]))
    assert with_query == {**frames, "query/kernel": (3, 4)}


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_starts_as_the_mean_of_the_frames(data_format):
    layer = TemporalAttention(4, identity_init=True, data_format=data_format)
    x = random_map(VIDEO)
    y = built(layer, VIDEO)(to_layout(x, data_format))
    assert_close(y, to_layout(x.mean(axis=1), data_format))


def test_the_order_of_the_frames_does_not_matter():
    layer, x = randomise(built(TemporalAttention(4), VIDEO)), random_map(VIDEO)
    assert_close(layer(x[:, ::-1].copy()), layer(x))


def test_a_mask_is_a_shorter_video():
    layer, (x, query) = (
        randomise(built(TemporalAttention(4), [VIDEO, QUERY])),
        random_inputs([VIDEO, QUERY]),
    )
    mask = np.arange(5) < np.array([[5], [2]])
    y = layer([x, query], mask=mask)
    assert_close(y[1:], layer([x[1:, :2], query[1:]]))
    assert_close(y, layer([x, query], mask=[mask, None]))
    assert not to_numpy(layer([x, query], mask=np.zeros((2, 5), bool))).any()


def test_masks_come_from_the_layers_before():
    layer, x = randomise(built(TemporalAttention(4), FRAMES)), random_map(FRAMES)
    x[1, 4:] = 0
    y = layer(keras.layers.Masking()(x))
    assert_close(y[1:], layer(x[1:, :4]))


@pytest.mark.parametrize(
    "shapes, message",
    [
        ([FRAMES, QUERY, QUERY], r"TemporalAttention needs the inputs \[frames\] or \[frames, que"),
        ([FRAMES, FRAMES], r"Received: query_shape=\(2, 7, 6\)"),
        ((2, 3, 4, 6), r"needs tokens .* or a video .*Received: input_shape=\(2, 3, 4, 6\)"),
    ],
    ids=str,
)
def test_rejects_inputs(shapes, message):
    with pytest.raises(ValueError, match=message):
        TemporalAttention(4).build(shapes)


def test_rejects_a_mask_of_all_positions():
    with pytest.raises(ValueError, match=r"TemporalAttention: mask .*= \(2, 5\). Received: mask"):
        TemporalAttention(4)(random_map(VIDEO), mask=np.ones((2, 60), bool))


def test_rejects_units_below_one():
    with pytest.raises(ValueError, match="units must be an integer >= 1. Received: units=0"):
        TemporalAttention(0)
