import keras
import numpy as np

from keras_attention.ops import weighted
from tests.layers.tools import assert_close, random_inputs, to_numpy
from tests.oracles.maths import softmax


def test_softmax_mean():
    logits, values = random_inputs([(2, 3, 7), (2, 7, 6)])
    y, weights = weighted.softmax_mean(logits, values)
    assert_close(weights, softmax(logits))
    assert_close(y, softmax(logits) @ values)


def test_masked_values_have_no_weight():
    logits, values = random_inputs([(2, 3, 7), (2, 7, 6)])
    mask = np.arange(7) < np.array([[4], [0]])
    y, weights = map(to_numpy, weighted.softmax_mean(logits, values, mask=mask))
    assert_close(weights[0, :, :4], softmax(logits[0, :, :4]))
    assert not weights[0, :, 4:].any() and not weights[1].any() and not y[1].any()


def test_half_precision_and_dropout():
    logits, values = random_inputs([(2, 3, 7), (2, 7, 6)])
    drop = keras.layers.Dropout(0.5, seed=1, dtype="float16")
    y, weights = weighted.softmax_mean(
        logits, values.astype("float16"), dropout=drop, training=True
    )
    types = [keras.backend.standardize_dtype(one.dtype) for one in (y, weights)]
    assert types == ["float16", "float32"]
    assert_close(weights, softmax(logits))
    assert np.abs(to_numpy(y) - softmax(logits) @ values).max() > 0.01


def test_penalty_is_the_equation():
    scores = np.abs(random_inputs((2, 3, 7)))
    expected = np.array([sum((1 - one[:, i].sum()) ** 2 for i in range(7)) for one in scores])
    assert_close(weighted.doubly_stochastic_penalty(scores), expected, 1e-4)
    mask = np.array([[True, True, True], [True, False, False]])
    expected[1] = ((1 - scores[1, 0]) ** 2).sum()
    assert_close(weighted.doubly_stochastic_penalty(scores, mask), expected, 1e-4)


def test_penalty_is_zero_where_each_position_is_looked_at_once():
    half = np.repeat(np.eye(7)[None] / 2, 2, axis=0)
    scores = np.concatenate([half, half], axis=1)
    assert_close(weighted.doubly_stochastic_penalty(scores), np.zeros(2))
