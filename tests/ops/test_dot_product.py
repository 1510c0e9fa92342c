"""One equation, four ways to it: plain, in blocks of queries, with a fused kernel, compiled."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.ops import dot_product
from keras_attention.ops.dot_product import attend, masked_softmax, merge_heads, split_heads
from tests.layers.tools import assert_close, assert_equal, to_numpy

# Shapes of query, key, value, bias and mask: one query for all of a batch, more queries than keys,
# a bias or a mask that differs by query, by key only, or by head only.
CASES = {
    "plain": ((2, 3, 9, 4), (2, 3, 5, 4), (2, 3, 5, 6), None, None),
    "key mask": ((2, 3, 9, 4), (2, 3, 5, 4), (2, 3, 5, 6), None, (2, 1, 1, 5)),
    "bias": ((2, 3, 8, 4), (2, 3, 8, 4), (2, 3, 8, 4), (3, 8, 8), None),
    "both": ((2, 3, 10, 4), (2, 3, 7, 4), (2, 3, 7, 4), (1, 3, 10, 7), (2, 1, 10, 7)),
    "shared": ((1, 3, 10, 4), (2, 3, 7, 4), (2, 3, 7, 4), (3, 1, 7), (2, 1, 1, 7)),
    "no heads": ((2, 9, 4), (2, 5, 4), (2, 5, 4), (9, 5), (2, 1, 5)),
}


def inputs(name):
    """Tensors of a case, and its mask, which leaves nothing to the first of the batch."""
    rng = np.random.default_rng(0)
    *shapes, mask = CASES[name]
    tensors = [rng.normal(size=shape).astype("float32") for shape in shapes if shape is not None]
    if mask is not None:
        mask = rng.random(mask) > 0.4
        mask[0] = False
    return [ops.convert_to_tensor(one) for one in tensors], mask


def forward(mask, query, key, value, bias=None, **options):
    return attend(query, key, value, bias=bias, mask=mask, **options)[0]


def oracle(query, key, value, bias=0.0, mask=True):
    """Vaswani et al. 2017, equation (1); a row without a valid key has no weights."""
    logits = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1]) + bias
    weights = np.where(mask, np.exp(logits - logits.max(-1, keepdims=True)), 0.0)
    total = weights.sum(-1, keepdims=True)
    weights = weights / np.where(total == 0, 1, total)
    return weights @ value, weights


@pytest.mark.parametrize("name", CASES)
def test_matches_the_paper(name):
    tensors, mask = inputs(name)
    arrays = [to_numpy(one).astype("float64") for one in tensors]
    expected, weights = oracle(*arrays, mask=True if mask is None else mask)
    bias = tensors[3] if len(tensors) > 3 else None
    y, found = attend(*tensors[:3], bias=bias, mask=mask)
    assert_close(y, expected)
    assert_close(found, weights, what="weights")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_blocks_give_the_same_output_and_gradients(name, compiled):
    tensors, mask = inputs(name)
    plain = functools.partial(forward, mask)
    blocks = functools.partial(plain, need_weights=False, max_weights=21)
    assert_all_close(with_gradients(blocks, tensors, compiled), with_gradients(plain, tensors))


@pytest.mark.parametrize("name", CASES)
def test_sizes_that_are_unknown_give_the_same(name):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow computes with sizes that it does not know")
    import tensorflow as tf

    tensors, mask = inputs(name)
    unknown = [
        tf.TensorSpec([*(n if n == 1 else None for n in one.shape[:-1]), one.shape[-1]])
        for one in tensors
    ]
    plain = functools.partial(forward, mask)
    for most in (21, dot_product.MAX_WEIGHTS):
        blocks = functools.partial(plain, need_weights=False, max_weights=most)
        found = tf.function(functools.partial(by_tape, blocks), input_signature=unknown)(*tensors)
        assert_all_close(found, with_gradients(plain, tensors))


def test_blocks_have_a_second_derivative():
    (query, key, value), _ = inputs("plain")

    def plain(q):
        return attend(q, key, value)[0]

    def blocks(q):
        return attend(q, key, value, need_weights=False, max_weights=21)[0]

    assert_close(second_derivative(blocks, query), second_derivative(plain, query), 1e-4)


def test_blocks_work_in_half_precision():
    (query, key, value), _ = inputs("plain")
    half = [ops.cast(one, "bfloat16") for one in (query, key, value)]
    blocks = functools.partial(forward, None, need_weights=False, max_weights=21)
    found = with_gradients(blocks, half)
    assert all("bfloat16" in str(one.dtype) for one in found)
    for one, two in zip(found, with_gradients(blocks, [query, key, value]), strict=True):
        assert_close(one, two, 0.05 * np.abs(to_numpy(two)).max())


def test_size_of_blocks():
    blocks = dot_product._blocks
    assert blocks(16384, 16384, 2**23) == (32, 512)  # 1 / 32 of the weights at a time
    assert blocks(10, 7, 21) == (4, 3)
    assert blocks(5, 100, 21) == (5, 1)
    assert blocks(9, 2, 2**23) == (1, 9)
    count, block = blocks(571787, 571787, 2**23)
    assert count <= dot_product.MAX_BLOCKS and count * block >= 571787


def test_only_many_weights_that_nobody_asks_for_go_by_blocks(monkeypatch):
    seen = []
    by_blocks = dot_product._attend_by_blocks
    monkeypatch.setattr(
        dot_product, "_attend_by_blocks", lambda *args: seen.append(1) or by_blocks(*args)
    )
    (query, key, value), _ = inputs("plain")  # 9 queries, 5 keys
    drop = keras.layers.Dropout(0.5, seed=0)
    for options, expected in (
        ({}, 0),
        ({"need_weights": False}, 0),
        ({"need_weights": False, "max_weights": 45}, 0),
        ({"need_weights": False, "max_weights": 44}, 1),
        ({"max_weights": 44}, 0),
        ({"need_weights": False, "max_weights": 44, "dropout": drop, "training": True}, 0),
        ({"need_weights": False, "max_weights": 44, "dropout": drop, "training": False}, 1),
    ):
        seen.clear()
        _, weights = attend(query, key, value, **options)
        assert len(seen) == expected, options
        assert (weights is None) == (not options.get("need_weights", True))


@pytest.mark.parametrize("masked", [False, True])
def test_a_fused_kernel_gives_the_same_output_and_gradients(masked):
    rng = np.random.default_rng(0)
    tensors = [ops.convert_to_tensor(rng.normal(size=(2, 1, 130, 4))) for _ in range(3)]
    tensors = [ops.cast(one, "float32") for one in tensors]
    mask = None
    if masked:
        mask = rng.random((2, 1, 1, 130)) > 0.4
        mask[0] = False
    plain = functools.partial(forward, mask)
    fused = functools.partial(plain, need_weights=False)
    assert dot_product._has_fused_kernel(*tensors, None) == (keras.backend.backend() == "torch")
    assert_all_close(with_gradients(fused, tensors), with_gradients(plain, tensors))


def test_a_fused_kernel_is_for_large_inputs_without_a_bias_unless_it_is_disabled():
    large = [ops.zeros((1, 1, 128, 4))] * 3
    assert not dot_product._has_fused_kernel(*large, ops.zeros((128, 128)))
    assert not dot_product._has_fused_kernel(*[one[:, :, :127] for one in large], None)
    assert not dot_product._has_fused_kernel(*[one[0] for one in large], None)
    keras.config.disable_flash_attention()
    try:
        assert not dot_product._has_fused_kernel(*large, None)
    finally:
        keras.config.enable_flash_attention()


def test_dropout_of_weights():
    (query, key, value), _ = inputs("plain")
    drop = keras.layers.Dropout(0.5, seed=0)
    y, weights = attend(query, key, value, dropout=drop, training=True)
    plain, same = attend(query, key, value, dropout=drop, training=False)
    assert_equal(weights, same, "weights before dropout")
    assert np.abs(to_numpy(y) - to_numpy(plain)).max() > 0.1


def test_scale():
    (query, key, value), _ = inputs("plain")
    y, _ = attend(query, key, value, scale=0.25)
    assert_close(y, attend(query * 0.5, key, value)[0])


def test_softmax_where_nothing_is_valid():
    logits = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "float16")
    mask = np.array([[True, False, True], [False, False, False]])
    weights = to_numpy(masked_softmax(logits, mask))
    assert_close(weights[0], [1 / (1 + np.e**2), 0, 1 / (1 + np.e**-2)])
    assert not weights[1].any()
    assert weights[0, 1] == 0


def test_merge_is_the_inverse_of_split():
    x = np.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    heads = split_heads(x, 4)
    assert tuple(heads.shape) == (2, 4, 3, 2)
    assert_equal(heads[:, 1], x[:, :, 2:4])
    assert_equal(merge_heads(heads), x)


# Gradients of sum(y^2) with respect to every tensor, on any backend.


def assert_all_close(found, expected):
    for index, (one, two) in enumerate(zip(found, expected, strict=True)):
        bound = 1e-5 * max(1, np.abs(to_numpy(two)).max())
        assert_close(one, two, bound, what=f"output or gradient {index}")


def with_gradients(function, tensors, compiled=False):
    """The output, and the gradient of each tensor."""
    take = {"tensorflow": by_tape, "jax": by_grad, "torch": by_backward}
    take = functools.partial(take[keras.backend.backend()], function)
    if compiled and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        take = tf.function(take, jit_compile=True)
    if compiled and keras.backend.backend() == "jax":
        import jax

        take = jax.jit(take)
    return take(*tensors)


def by_tape(function, *tensors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
        loss = ops.sum(y**2)
    return [y, *tape.gradient(loss, tensors)]


def by_grad(function, *tensors):
    import jax

    every = tuple(range(len(tensors)))
    found = jax.grad(lambda *tensors: ops.sum(function(*tensors) ** 2), every)(*tensors)
    return [function(*tensors), *found]


def by_backward(function, *tensors):
    tensors = [one.clone().requires_grad_() for one in tensors]
    y = function(*tensors)
    (y**2).sum().backward()
    return [y.detach(), *(one.grad for one in tensors)]


def second_derivative(function, query):
    """Of sum(y^2): the gradient of the sum of squares of its gradient."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        first = jax.grad(lambda q: ops.sum(function(q) ** 2))
        return jax.grad(lambda q: ops.sum(first(q) ** 2))(query)
    if backend == "torch":
        import torch

        query = query.clone().requires_grad_()
        (first,) = torch.autograd.grad((function(query) ** 2).sum(), query, create_graph=True)
        return torch.autograd.grad((first**2).sum(), query)[0]
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(query)
        with tf.GradientTape() as inner:
            inner.watch(query)
            loss = ops.sum(function(query) ** 2)
        loss = ops.sum(inner.gradient(loss, query) ** 2)
    return outer.gradient(loss, query)
