import functools

import numpy as np
import pytest

from keras_attention.layers import MultiHeadSelfAttention
from keras_attention.layers.multi_head import mhsa
from keras_attention.ops import dot_product
from tests import helpers
from tests.contract import errors, learning, outputs, saving
from tests.helpers import With, check_layer
from tests.layers.tools import (
    DATA_FORMATS,
    assert_close,
    assert_equal,
    assert_library,
    assert_matches,
    built,
    must_raise,
    random_map,
    randomise,
    to_numpy,
    weight_shapes,
)
from tests.oracles import multi_head
from tests.torch_oracles import core
from tests.torch_oracles import multi_head as copies

MAP = (2, 3, 4, 8)
TOKENS = (2, 13, 8)  # a prefix token and a grid of 3 x 4
GRID = {"grid_size": (3, 4), "num_prefix_tokens": 1}


def oracle(**options):
    return functools.partial(multi_head.mhsa, heads=2, **options)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
@pytest.mark.parametrize("options", [{}, {"use_bias": False, "key_dim": 3}], ids=str)
def test_matches_the_paper(data_format, options):
    layer = MultiHeadSelfAttention(2, data_format=data_format, **options)
    assert_matches(layer, oracle(), MAP)


@pytest.mark.parametrize("qk_norm", ["layer", "rms"])
def test_matches_the_paper_with_normalised_queries_and_keys(qk_norm):
    assert_matches(MultiHeadSelfAttention(2, qk_norm=qk_norm), oracle(qk_norm=qk_norm), TOKENS)


@pytest.mark.parametrize("layout", ["interleaved", "half"])
def test_matches_the_paper_with_rotary_positions(layout):
    layer = MultiHeadSelfAttention(2, 8, rope=True, rope_theta=50, rope_layout=layout, **GRID)
    turn = functools.partial(multi_head.turn, theta=50, layout=layout)
    assert_matches(layer, oracle(rope=turn, grid=(3, 4), prefix=1), TOKENS)


def test_matches_the_paper_with_relative_positions():
    layer = MultiHeadSelfAttention(2, relative_position_bias=True, **GRID)
    assert_matches(layer, oracle(grid=(3, 4), prefix=1), TOKENS)


@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_matches_the_paper_with_both_on_a_map(data_format):
    layer = MultiHeadSelfAttention(
        2, rope=True, relative_position_bias=True, data_format=data_format
    )
    assert_matches(layer, oracle(rope=multi_head.turn, grid=(3, 4)), MAP)


def test_matches_the_paper_with_a_mask():
    mask = np.random.default_rng(0).random((2, 13)) > 0.4
    mask[1] = False
    x = random_map(TOKENS)
    layer = randomise(built(MultiHeadSelfAttention(2, relative_position_bias=True, **GRID), TOKENS))
    weights = {w.path.partition("/")[2]: to_numpy(w) for w in layer.weights}
    expected, scores = oracle(grid=(3, 4), prefix=1, mask=mask)(x, weights)
    y, found = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, expected, 1e-5 * np.abs(expected).max())
    assert_close(found, scores, what="scores")
    assert not to_numpy(found)[1].any()


@pytest.mark.parametrize("qk_norm", [None, "layer", "rms"])
def test_matches_timm(qk_norm):
    timm = core.import_oracle("timm.layers")
    norms = {"layer": timm.LayerNorm, "rms": timm.RmsNorm, None: timm.LayerNorm}
    norm = functools.partial(norms[qk_norm], eps=1e-6)
    source = core.seeded(
        lambda: timm.Attention(16, 2, qkv_bias=True, qk_norm=qk_norm is not None, norm_layer=norm)
    )
    core.randomize(source)
    x = random_map((2, 7, 16))
    layer = built(MultiHeadSelfAttention(2, qk_norm=qk_norm), x.shape)
    copies.copy_attention(source, layer)
    assert_library(layer, x, core.run(source, x), "timm")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("reference", [None, (6, 2)])
def test_matches_timm_with_rotary_positions(half, reference):
    timm = core.import_oracle("timm.layers.attention")
    embeddings = core.import_oracle("timm.layers.pos_embed_sincos")
    source = core.seeded(lambda: timm.AttentionRope(16, 2, rotate_half=half))
    core.randomize(source)
    if half:
        angles = turns_of_timm(embeddings, reference).tile(2)
    else:
        angles = turns_of_timm(embeddings, reference).repeat_interleave(2, -1)
    x = random_map((2, 13, 16))
    layer = MultiHeadSelfAttention(
        2,
        rope=True,
        rope_layout="half" if half else "interleaved",
        reference_grid=reference,
        **GRID,
    )
    copies.copy_attention(source, built(layer, x.shape))
    import torch

    rope = torch.cat([angles.sin(), angles.cos()], -1)
    with torch.no_grad():
        expected = source.eval()(core.to_torch(x), rope=rope)
    assert_library(layer, x, core.from_torch(expected), "timm")


def turns_of_timm(embeddings, reference):
    """The angles (12, 4) of timm's positions, from their sines and cosines."""
    sine, cosine = embeddings.build_fourier_pos_embed(
        [3, 4], num_bands=2, in_pixels=False, ref_feat_shape=reference
    )
    import torch

    return torch.atan2(sine, cosine).reshape(12, 4)


def test_matches_torch():
    import torch

    source = core.seeded(lambda: torch.nn.MultiheadAttention(16, 4, batch_first=True))
    core.randomize(source)
    x = random_map((2, 7, 16))
    mask = np.arange(7) < np.array([[7], [4]])
    layer = built(MultiHeadSelfAttention(4), x.shape)
    copies.copy_torch_attention(source, layer)
    z = core.to_torch(x)
    with torch.no_grad():
        padding = core.to_torch(~mask)
        expected, weights = source.eval()(
            z, z, z, key_padding_mask=padding, average_attn_weights=False
        )
    y, scores = layer(x, mask=mask, return_attention_scores=True)
    assert_close(y, core.from_torch(expected))
    assert_close(scores, weights.numpy(), what="scores")
    with torch.no_grad():
        assert_library(layer, x, source(z, z, z)[0].numpy(), "torch")


def test_contract():
    check_layer(
        MultiHeadSelfAttention,
        {"num_heads": 2},
        others={
            "num_heads": 4,
            "key_dim": 3,
            "qk_norm": "layer",
            "dropout": 0.5,
            "projection_dropout": 0.5,
            "rope": With(True, **GRID),
            "rope_theta": With(30.0, rope=True, key_dim=8, **GRID),
            "rope_layout": With("half", rope=True, **GRID),
            "reference_grid": With((6, 6), rope=True, **GRID),
            "relative_position_bias": With(True, **GRID),
            "grid_size": With((2, 6), rope=True, num_prefix_tokens=1, grid_size=(3, 4)),
        },
        shape=TOKENS,
        scores=square_scores,
        rows=("",),
        mask=0,
        one_channel=False,
        idle=("num_prefix_tokens",),  # it goes with the grid, and another one fits no other number
        together={"key_dim": 4, "qk_norm": "rms", "rope": True, "reference_grid": (6, 6), **GRID},
    )


def square_scores(shape):
    return (shape[0], 2, shape[1], shape[1])


def test_positions_on_a_grid_are_saved_compiled_and_fixed():
    options = {"num_heads": 2, "rope": True, "relative_position_bias": True, **GRID}
    case = helpers.Case(
        MultiHeadSelfAttention, options, shape=TOKENS, scores=square_scores, dynamic=False
    )
    for check in (
        outputs.symbolic_and_compiled,
        outputs.precision,
        saving.saving,
        learning.weights_learn,
        errors.errors,
    ):
        check(case)


def test_a_map_is_its_positions_row_by_row():
    layer = randomise(built(MultiHeadSelfAttention(2), MAP))
    x = random_map(MAP)
    tokens = randomise(built(MultiHeadSelfAttention(2), (2, 12, 8)))
    y, scores = layer(x, return_attention_scores=True)
    expected, wanted = tokens(x.reshape(2, 12, 8), return_attention_scores=True)
    assert_equal(y, to_numpy(expected).reshape(MAP))
    assert_equal(scores, wanted)


def test_without_positions_any_order_will_do():
    layer = randomise(built(MultiHeadSelfAttention(2), TOKENS))
    x, order = random_map(TOKENS), np.random.default_rng(0).permutation(13)
    assert_close(layer(x[:, order]), to_numpy(layer(x))[:, order])


@pytest.mark.parametrize("layout", ["interleaved", "half"])
def test_rotary_scores_depend_on_offsets_only(layout):
    options = {"rope": True, "rope_layout": layout, "use_bias": False}
    layer = randomise(built(MultiHeadSelfAttention(2, **options), (1, 3, 4, 8)))
    x = np.broadcast_to(random_map((1, 1, 1, 8)), (1, 3, 4, 8))  # the same token everywhere
    weights = to_numpy(layer(x, return_attention_scores=True)[1])
    logits = np.log(weights).reshape(2, 3, 4, 3, 4)  # (heads, y, x of query, y, x of key)
    difference = logits[:, 1:, 1:, 1:, 1:] - logits[:, :-1, :-1, :-1, :-1]
    # The softmax subtracts one number from each row.
    assert_close(np.ptp(difference, axis=(-1, -2)), np.zeros((2, 2, 3)))
    assert np.ptp(logits) > 0.1


def test_a_prefix_is_not_turned_and_has_no_bias():
    options = {"rope": True, "relative_position_bias": True}
    layer = randomise(built(MultiHeadSelfAttention(2, **options, **GRID), TOKENS))
    plain = randomise(built(MultiHeadSelfAttention(2), TOKENS))
    x = random_map(TOKENS)
    found, expected = (
        to_numpy(one(x, return_attention_scores=True)[1])[:, :, 0] for one in (layer, plain)
    )
    assert np.abs(found - expected).max() > 1e-3, "the keys of the grid are turned"
    x[:, 1:] = x[:, :1]
    x[:, 1] = 0.0
    logits = [np.log(to_numpy(one(x, return_attention_scores=True)[1])) for one in (layer, plain)]
    first = [one[:, :, 0, 0] - one[:, :, 0, 1] for one in logits]
    # The key at (0, 0) is turned by no angle: the prefix sees it as it is.
    assert_close(first[0], first[1])


def test_reference_grid_stretches_positions():
    options = {"rope": True, "use_bias": False}
    small = randomise(built(MultiHeadSelfAttention(2, **options), (1, 2, 2, 8)))
    large = MultiHeadSelfAttention(2, reference_grid=(2, 2), **options)
    large = randomise(built(large, (1, 4, 4, 8)))
    x = random_map((1, 2, 2, 8))
    wide = np.zeros((1, 4, 4, 8), "float32")
    wide[:, ::2, ::2] = x
    mask = np.zeros((1, 4, 4), bool)
    mask[:, ::2, ::2] = True
    y = to_numpy(large(wide, mask=mask.reshape(1, 16)))[:, ::2, ::2]
    # Twice the distance at half the pace.
    assert_close(y, small(x))


def test_blocks_of_queries_change_nothing(monkeypatch):
    layer = randomise(built(MultiHeadSelfAttention(2, relative_position_bias=True, **GRID), TOKENS))
    x, mask = random_map(TOKENS), np.arange(13) < np.array([[13], [9]])
    expected = layer(x, mask=mask)
    blocks = functools.partial(dot_product.attend, max_weights=40)
    monkeypatch.setattr(mhsa, "attend", blocks)
    assert_close(layer(x, mask=mask), expected)


def test_weights():
    layer = MultiHeadSelfAttention(2, 4, qk_norm="rms", relative_position_bias=True, **GRID)
    assert weight_shapes(built(layer, TOKENS)) == {
        "qkv/kernel": (8, 24),
        "qkv/bias": (24,),
        "query_norm/scale": (4,),
        "key_norm/scale": (4,),
        "position_bias": (35, 2),
        "proj/kernel": (8, 8),
        "proj/bias": (8,),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be an integer >= 1. Received: num_heads=0"),
        ({"key_dim": 0}, "key_dim must be an integer >= 1. Received: key_dim=0"),
        ({"qk_norm": "lyer"}, "Did you mean 'layer'? Received: qk_norm='lyer'"),
        ({"rope_layout": "halves"}, "Did you mean 'half'? Received: rope_layout='halves'"),
        ({"rope_theta": 0}, "rope_theta must be above 0. Received: rope_theta=0"),
        ({"grid_size": 7}, "two integers >= 1. Received: grid_size=7"),
        ({"reference_grid": (7, 0)}, "two integers >= 1. Received: reference_grid=(7, 0)"),
        ({"num_prefix_tokens": -1}, "Received: num_prefix_tokens=-1"),
        ({"dropout": 1}, "dropout must be in [0, 1). Received: dropout=1"),
        ({"projection_dropout": -0.1}, "Received: projection_dropout=-0.1"),
    ],
    ids=str,
)
def test_rejects_arguments(options, message):
    must_raise(lambda: MultiHeadSelfAttention(**options), "MultiHeadSelfAttention: ", message)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"num_heads": 3}, TOKENS, "num_heads must divide 8 channels. Received: num_heads=3"),
        ({"key_dim": 6, "rope": True}, MAP, "a multiple of 4. Received: key_dim=6"),
        ({"rope": True}, TOKENS, "need a grid_size (height, width)"),
        ({"rope": True, "grid_size": (3, 4)}, TOKENS, "= 13 tokens. Received: grid_size=(3, 4)"),
        ({"rope": True, **GRID}, MAP, "no prefix tokens. Received: grid_size=(3, 4)"),
        ({"rope": True, "grid_size": (4, 3)}, MAP, "a map of 3 x 4 has that grid_size"),
        ({"relative_position_bias": True}, (None, None, None, 8), "needs a fixed height and width"),
    ],
    ids=str,
)
def test_rejects_inputs(options, shape, message):
    layer = MultiHeadSelfAttention(**{"num_heads": 2, **options})
    must_raise(lambda: layer.build(shape), "MultiHeadSelfAttention", message)


def test_rejects_another_size_than_its_positions():
    layer = built(MultiHeadSelfAttention(2, rope=True), MAP)
    must_raise(lambda: layer(np.zeros((1, 4, 3, 8))), "positions of an input (None, 3, 4, 8)")
