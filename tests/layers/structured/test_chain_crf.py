import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import LinearChainCRF
from keras_attention.ops import crf
from tests.helpers import check_layer
from tests.layers.tools import (
    assert_close,
    assert_library,
    assert_matches,
    built,
    random_map,
    randomise,
    to_numpy,
    weight_values,
)
from tests.oracles import structured
from tests.torch_oracles import structured as torch_structured

SHAPE = (2, 5, 3)


def filled(**options):
    return randomise(built(LinearChainCRF(**options), SHAPE))


def potentials(layer):
    return [to_numpy(one) for one in (layer.transitions, layer.start, layer.end)]


@pytest.mark.parametrize("use_boundary", [True, False])
def test_matches_enumeration(use_boundary):
    assert_matches(LinearChainCRF(use_boundary=use_boundary), structured.chain_crf, SHAPE)


def test_matches_torch_struct():
    layer, x = filled(), random_map(SHAPE)
    theirs = torch_structured.linear_chain(x, *potentials(layer))
    assert_library(layer, x, torch_structured.sites_of(theirs.marginals), "torch_struct")
    assert_close(layer.log_partition(x), theirs.partition.detach().numpy().ravel())


def test_contract():
    check_layer(
        LinearChainCRF,
        {},
        others={"output": "viterbi"},
        shape=SHAPE,
        scores=lambda shape: (shape[0], shape[2], shape[1]),
        gate=False,
        dynamic=False,
        mask=0,
    )


def test_starts_within_a_tenth():
    layer = built(LinearChainCRF(), (1, 4, 30))
    for weight in layer.weights:
        values = to_numpy(weight)
        assert 0.05 < np.abs(values).max() <= 0.1
        assert values.min() < 0 < values.max()


def test_scores_are_the_marginals():
    layer, x = filled(), random_map(SHAPE)
    y, scores = layer(x, return_attention_scores=True)
    assert_close(ops.swapaxes(scores, 1, 2), y, 0)
    for output in ("viterbi", "unary"):
        _, found = filled(output=output)(x, return_attention_scores=True)
        assert_close(found, scores, 0, what=f"scores with output={output!r}")


def test_outputs():
    x = random_map(SHAPE)
    assert_close(filled(output="unary")(x), x, 0)
    layer = filled(output="viterbi")
    tags = layer(x)
    assert keras.backend.standardize_dtype(tags.dtype) == "int32"
    expected = [structured.best_path(one, *potentials(layer)) for one in x.astype("float64")]
    assert np.array_equal(to_numpy(tags), expected)


def test_padding_and_holes_equal_the_shorter_sequence():
    layer, x = filled(), random_map(SHAPE)
    keep = np.array([[True, True, True, False, False], [False, True, False, True, True]])
    tags = np.array([[0, 1, 2, 0, 0], [0, 2, 0, 0, 1]])
    p, path = to_numpy(layer(x, mask=keep)), to_numpy(layer.decode(x, keep))
    log_z, chance = layer.log_partition(x, keep), layer.log_likelihood(x, tags, keep)
    for index, kept in enumerate(keep):
        rest = [x[index, kept].astype("float64"), *potentials(layer)]
        assert_close(p[index, kept], structured.chain_marginals(*rest)[0], what="marginals")
        assert np.array_equal(path[index, kept], structured.best_path(*rest))
        total = structured.log_partition(*rest)
        assert_close(log_z[index], total, what="log Z")
        paths, scores = structured.sequences(*rest)
        score = scores[(paths == tags[index, kept]).all(axis=1)][0]
        assert_close(chance[index], score - total, what="log-likelihood")
    assert not p[~keep].any()
    assert not path[~keep].any()


def test_mask_of_lengths():
    layer, x = filled(), random_map(SHAPE)
    mask = crf.length_mask(np.array([5, 3]), 5)
    expected = layer(x[1:, :3].copy())
    assert_close(layer(x, mask=mask)[1:, :3], expected)


def test_likelihoods_of_all_sequences_sum_to_one():
    layer, x = randomise(built(LinearChainCRF(), (8, 3, 2))), random_map((1, 3, 2))
    tags = np.array(list(np.ndindex(2, 2, 2)))
    chances = layer.log_likelihood(np.repeat(x, 8, axis=0), tags)
    assert_close(ops.sum(ops.exp(chances)), 1.0)


def test_learns_from_its_likelihood_which_states_follow_each_other():
    """States alternate; the input says nothing."""
    layer = LinearChainCRF(output="unary")
    x = keras.Input((5, 2))
    model = keras.Model(x, layer(x))
    model.compile(
        keras.optimizers.SGD(0.5), loss=lambda tags, unary: -layer.log_likelihood(unary, tags)
    )
    tags = np.array([[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]])
    history = model.fit(np.zeros((2, 5, 2)), tags, epochs=20, batch_size=2, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < 1.2 * np.log(2) < 2 < losses[0]
    hint = np.zeros((1, 5, 2))
    hint[0, 2, 1] = 1
    assert np.array_equal(to_numpy(layer.decode(hint)), [[1, 0, 1, 0, 1]])


def test_float16_input_still_computes_in_float32():
    layer = randomise(built(LinearChainCRF(dtype="mixed_float16"), SHAPE))
    x = random_map(SHAPE).astype("float16")
    weights = weight_values(layer)
    expected, _ = structured.chain_crf(x.astype("float64"), weights)
    _, scores = layer(x, return_attention_scores=True)
    assert_close(ops.swapaxes(scores, 1, 2), expected)


def test_rejects_other_outputs():
    with pytest.raises(ValueError, match="Did you mean 'viterbi'. Received: output='viterby'"):
        LinearChainCRF(output="viterby")


def test_rejects_questions_before_it_has_potentials():
    with pytest.raises(ValueError, match="no potentials before it is called or built"):
        LinearChainCRF().decode(random_map(SHAPE))


def test_rejects_masks_of_other_sizes():
    with pytest.raises(ValueError, match=r"mask must have the shape .* = \(2, 5\)"):
        filled().log_partition(random_map(SHAPE), np.ones((2, 4), bool))
