"""How a layer starts and that all of it learns."""

import keras
import numpy as np
from keras import ops

from tests.layers.tools import (
    assert_close,
    assert_equal,
    built,
    gradients,
    must_raise,
    run,
    to_numpy,
    weight_shapes,
)

# No channels first in float16: TensorFlow on a CPU has no such convolution.
IDENTITY_CASES = (
    ("float32", "channels_last"),
    ("float32", "channels_first"),
    ("mixed_bfloat16", "channels_last"),
    ("mixed_float16", "channels_last"),
)


def weights_learn(case):
    """Every trainable weight learns, unless mathematics says that it cannot."""
    starts = [{}, {"identity_init": True}] if case.identity_start == "blend" else [{}]
    for more in starts:
        found = gradients(case.filled(**more), case.inputs())
        unknown = set(case.zero_gradients) - set(found)
        assert not unknown, f"`zero_gradients` names weights that do not exist: {unknown}"
        largest = max((np.abs(gradient).max(initial=0) for gradient in found.values()), default=0)
        for path, gradient in found.items():
            assert np.isfinite(gradient).all(), f"gradient of {path} is not finite"
            zero = np.abs(gradient).max() <= 1e-6 * largest
            assert zero == (path in case.zero_gradients), (
                f"gradient of {path} is {'' if zero else 'not '}zero"
            )


def identity_init(case):
    """With the flag a layer starts as the identity, a pooling as the mean, or says it cannot."""
    start = case.identity_start
    if start is None:
        must_raise(
            lambda: case.make(identity_init=True), "identity", "Received: identity_init=True"
        )
    elif start == "uniform":
        _starts_uniform(case)
    else:
        _starts_as_identity(case)
        (_blends if start == "blend" else _adds_no_weight)(case)


def _starts_as_identity(case):
    for policy, data_format in IDENTITY_CASES:
        layer = case.make(identity_init=True, dtype=policy, data_format=data_format)
        x = case.given(built(layer, case.shape))
        first = x if case.single else x[0]
        expected = ops.cast(ops.convert_to_tensor(first), layer.compute_dtype)
        y = keras.tree.flatten(run(layer, x))[0]
        assert_equal(y, expected, f"identity_init=True is not the identity: {policy}")


def _blends(case):
    """Until one new scalar learns; where it is one, the layer is the plain one."""
    layer = case.filled(identity_init=True)
    extra = weight_shapes(layer).items() - weight_shapes(case.filled()).items()
    assert extra == {("identity_scale", ())}, f"weights that identity_init=True adds: {extra}"
    layer.identity_scale.assign(1.0)
    (expected,) = case.plain
    bound = 1e-5 * max(1, np.abs(expected).max())
    y = run(layer, case.inputs())
    assert_close(y, expected, bound, what="output with identity_scale = 1")


def _adds_no_weight(case):
    plain, other = weight_shapes(case.filled()), weight_shapes(case.filled(identity_init=True))
    assert plain == other, f"identity_init=True changes the weights: {other}"


def _starts_uniform(case):
    layer = built(case.make(identity_init=True), case.shape)
    plain, other = weight_shapes(case.filled()), weight_shapes(layer)
    assert plain == other, f"identity_init=True changes the weights: {other}"
    x = case.given(layer)
    _, scores = layer(x, return_attention_scores=True)
    for score in keras.tree.flatten(scores):
        score = to_numpy(score)
        assert_close(score, np.full_like(score, 1 / score.shape[-1]), what="scores at the start")
