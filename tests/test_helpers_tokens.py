"""`check_layer` on tokens, masks, several inputs and fixed sizes: right layers, and wrong ones."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import AttentionLayer
from keras_attention.ops import dot_product
from tests.helpers import With, check_layer

register = keras.saving.register_keras_serializable("tests")


@register
class RightPool(AttentionLayer):
    """y = sum_n softmax_n(w x)_n x_n: the least pooling that keeps every promise."""

    score_kind = "pool"
    slots = ("pool",)
    ranks = (3,)
    identity_start = "uniform"

    def __init__(self, slope: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        start = "zeros" if self.identity_init else "glorot_uniform"
        channels = input_shape[-1]
        self.score = self.add_dense(
            channels, 1, use_bias=False, kernel_initializer=start, name="score"
        )

    def call(self, x, mask=None, return_attention_scores=False):
        logits = self.slope * self.score(x)[..., 0]
        weights = self.softmax(logits, self.checked(mask, x))
        y = ops.einsum("bn,bnc->bc", ops.cast(weights, x.dtype), x)
        return (y, ops.expand_dims(weights, 1)) if return_attention_scores else y

    def softmax(self, logits, mask):
        return dot_product.masked_softmax(logits, mask)

    def checked(self, mask, x):
        if mask is not None and tuple(mask.shape) != tuple(x.shape[:2]):
            raise ValueError(f"mask must be {x.shape[:2]}. Received: mask of shape {mask.shape}")
        return mask

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "slope": self.slope}


POOL = {
    "shape": (2, 6, 4),
    "output": lambda shape: (shape[0], shape[2]),
    "scores": lambda shape: (shape[0], 1, shape[1]),
    "rows": ("",),
    "mask": 0,
}


def test_a_right_pooling_passes():
    check_layer(RightPool, **POOL)


@register
class IgnoresTheMask(RightPool):
    def softmax(self, logits, mask):
        return dot_product.masked_softmax(logits)


@register
class GivesNothingNan(RightPool):
    def softmax(self, logits, mask):
        weights = dot_product.masked_softmax(logits, mask)
        return weights / ops.sum(weights, -1, keepdims=True)


@register
class TakesAnyMask(RightPool):
    def checked(self, mask, x):
        return None if mask is None or mask.shape[1] != x.shape[1] else mask


@register
class RowsOfTwo(RightPool):
    def softmax(self, logits, mask):
        return 2 * dot_product.masked_softmax(logits, mask)


@register
class LengthCounts(RightPool):
    """What it gives depends on how many tokens there are, masked ones too."""

    def softmax(self, logits, mask):
        return dot_product.masked_softmax(logits, mask)

    def call(self, x, mask=None, return_attention_scores=False):
        y, weights = super().call(x, mask=mask, return_attention_scores=True)
        y = y * (1 + x.shape[1] / 100) if x.shape[1] else y
        return (y, weights) if return_attention_scores else y


@register
class NoMean(RightPool):
    def build(self, input_shape):
        AttentionLayer.build(self, input_shape)
        self.score = self.add_dense(input_shape[-1], 1, use_bias=False, name="score")


@register
class DoesNotSaySo(RightPool):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = False


WRONG = {
    IgnoresTheMask: "output with other numbers at masked tokens",
    GivesNothingNan: "output where every token is masked",
    TakesAnyMask: "no ValueError with .*mask",
    RowsOfTwo: "sums of the rows",
    LengthCounts: "sizes unknown|against a shorter input",
    NoMean: "scores at the start",
    DoesNotSaySo: "supports_masking is False",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda cls: cls.__name__)
def test_a_wrong_pooling_fails_for_its_reason(wrong):
    with pytest.raises(AssertionError, match=WRONG[wrong]):
        check_layer(wrong, **POOL)


@register
class RightPair(AttentionLayer):
    """y = x * sigmoid(factor * (W mean x + V s)), s a vector, on maps of a fixed size."""

    score_kind = "channel"
    slots = ("pair",)
    identity_start = None

    def __init__(self, units: int, scaled: bool = False, factor: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.scaled = scaled
        self.factor = factor

    def build(self, input_shape):
        x, state = input_shape
        self.check_shape(x, static=True)
        self.position = self.add_weight(shape=tuple(x[axis] for axis in self.space), name="place")
        self.hidden = self.add_dense(x[self.channel], self.units, name="hidden")
        self.state = self.add_dense(state[-1], self.units, name="state")
        self.out = self.add_dense(self.units, x[self.channel], name="out")

    def call(self, inputs, return_attention_scores=False):
        x, state = inputs
        place = ops.expand_dims(ops.cast(self.position, x.dtype), (0, self.channel))
        hidden = self.hidden(ops.mean(x * place, self.space)) + self.state(state)
        gate = ops.sigmoid(self.out(hidden) * (self.factor if self.scaled else 1.0))
        y = x * ops.expand_dims(gate, self.space)
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        mine = {"units": self.units, "scaled": self.scaled, "factor": self.factor}
        return {**super().get_config(), **mine}


PAIR = {
    "options": {"units": 3},
    "others": {"units": 5, "factor": With(3.0, scaled=True), "scaled": With(True, factor=2.0)},
    "shape": [(2, 4, 5, 3), (2, 6)],
    "scores": lambda shape: (2, 3),
    "dynamic": False,
}


def pair_inputs(shape, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=one).astype("float32") for one in shape]


def test_a_right_pair_passes():
    check_layer(RightPair, **PAIR, feed=pair_inputs)


@register
class IgnoresAnArgumentBesideAnother(RightPair):
    def __init__(self, units: int, scaled: bool = False, factor: float = 1.0, **kwargs):
        super().__init__(units, scaled, factor, **kwargs)
        self.scaled = False


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the contract asks it of one backend"
)
def test_an_argument_must_matter_beside_its_companion():
    with pytest.raises(AssertionError, match="changes nothing"):
        check_layer(IgnoresAnArgumentBesideAnother, **PAIR, feed=pair_inputs)
