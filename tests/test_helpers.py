"""`check_layer` lets a right layer pass and says what is wrong with each wrong one."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import AttentionLayer
from tests.helpers import check_layer

register = keras.saving.register_keras_serializable("tests")


@register
class Right(AttentionLayer):
    """y = x * sigmoid(slope * W mean x): the least that keeps every promise."""

    score_kind = "channel"

    def __init__(self, slope: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.channel]
        self.dense = self.add_dense(channels, channels, name="dense")

    def call(self, x, return_attention_scores=False):
        gate = ops.sigmoid(self.slope * self.dense(ops.mean(x, self.space)))
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y

    def get_config(self):
        return {**super().get_config(), "slope": self.slope}


def test_a_right_layer_passes():
    check_layer(Right)


def test_a_zero_gradient_is_right_where_it_is_announced():
    check_layer(IdleWeight, zero_gradients=("idle",))


# Each wrong layer is the right one but for the methods it shows.


@register
class IgnoresDataFormat(Right):
    """Takes axes 1 and 2 for space in either format."""

    def call(self, x, return_attention_scores=False):
        gate = ops.sigmoid(self.slope * ops.mean(x, -1))
        y = self.blend(x, x * ops.expand_dims(gate, -1))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y


@register
class FixedSize(Right):
    def build(self, input_shape):
        super().build(input_shape)
        if None in input_shape[1:]:
            raise ValueError("FixedSize needs a fixed height and width")


@register
class TruncatesIntegers(Right):
    def __call__(self, x, *args, **kwargs):
        integer = "int" in keras.backend.standardize_dtype(x.dtype)
        return super().__call__(x // 2 * 2 if integer else x, *args, **kwargs)


@register
class IgnoresAnArgument(Right):
    def build(self, input_shape):
        super().build(input_shape)
        self.slope = 1.0


@register
class LosesAnArgument(Right):
    def get_config(self):
        config = super().get_config()
        del config["slope"]
        return config


@register
class LosesAnArgumentOfItsBase(Right):
    def get_config(self):
        config = super().get_config()
        del config["identity_init"]
        return config


@register
class HoldsADefault(Right):
    def get_config(self):
        return {**super().get_config(), "slope": 1.0}


@register
class HoldsAnArray(Right):
    def get_config(self):
        return {**super().get_config(), "also": (1, 2)}


@register
class IgnoresTheConfig(Right):
    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "slope": 1.0})


@register
class ForgetsAWeight(Right):
    def save_own_variables(self, store):
        """Write nothing, and read nothing back."""

    def load_own_variables(self, store):
        """See above."""

    def build(self, input_shape):
        super().build(input_shape)
        self.offset = self.add_weight(shape=(), initializer="zeros", name="offset")

    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        gate = gate * ops.cast(1 + self.offset, "float32")
        y = y * ops.cast(1 + self.offset, y.dtype)
        return (y, gate) if return_attention_scores else y


@register
class SublayerWithoutPolicy(Right):
    def build(self, input_shape):
        AttentionLayer.build(self, input_shape)
        channels = input_shape[self.channel]
        self.dense = keras.layers.Dense(channels, name="dense")
        self.dense.build((None, channels))


@register
class IdleWeight(Right):
    def build(self, input_shape):
        super().build(input_shape)
        self.idle = self.add_weight(shape=(3,), name="idle")


@register
class InfiniteGradient(Right):
    """Adds zero, as a square root that has no slope there."""

    def call(self, x, return_attention_scores=False):
        logits = self.slope * self.dense(ops.mean(x, self.space))
        gate = ops.sigmoid(logits + ops.sqrt(0 * ops.abs(logits)))
        y = self.blend(x, x * ops.expand_dims(gate, self.space))
        return (y, ops.cast(gate, "float32")) if return_attention_scores else y


@register
class ScoresChangeTheOutput(Right):
    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        return (y * 1.000001, gate) if return_attention_scores else y


@register
class ScoresOfAnotherShape(Right):
    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        return (y, ops.expand_dims(gate, 1)) if return_attention_scores else y


@register
class ScoresInHalfPrecision(Right):
    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        return (y, ops.cast(gate, self.compute_dtype)) if return_attention_scores else y


@register
class ScoresNotApplied(Right):
    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        return (y, ops.softmax(gate)) if return_attention_scores else y


@register
class HidesItsScores(Right):
    """Keras takes the one shape for the whole symbolic output."""

    def compute_output_shape(self, input_shape):
        return input_shape


@register
class OtherwiseCompiled(Right):
    """Depends on whether Python runs it: at each call, or once while tracing."""

    def call(self, x, return_attention_scores=False):
        y, gate = super().call(x, return_attention_scores=True)
        y, gate = (y, gate) if _has_values(x) else (y * 2, gate)
        return (y, gate) if return_attention_scores else y


def _has_values(x):
    try:
        np.asarray(ops.convert_to_numpy(x))
    except Exception:
        return False
    return True


@register
class IgnoresIdentityInit(Right):
    def blend(self, x, y):
        return y


@register
class NotTheIdentity(Right):
    def build(self, input_shape):
        super().build(input_shape)
        if self.identity_init:
            self.identity_scale.assign(1.0)


@register
class CountsItsInstances(Right):
    numbers = itertools.count()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.number = next(self.numbers)

    def build(self, input_shape):
        AttentionLayer.build(self, input_shape)
        channels = input_shape[self.channel]
        self.dense = self.add_dense(channels, channels, name=f"dense_{self.number}")


@register
class SwallowsOptions(Right):
    def __init__(self, slope=1.0, identity_init=False, data_format=None, **kwargs):
        known = {key: kwargs[key] for key in ("name", "dtype", "trainable") if key in kwargs}
        super().__init__(slope, identity_init=identity_init, data_format=data_format, **known)


@register
class TakesAnyRank(Right):
    def build(self, input_shape):
        channels = input_shape[self.channel if len(input_shape) == 4 else -1]
        super().build(self.map_shape(channels))


@register
class ReducesToNothing(Right):
    """Keeps one hidden unit where the reduction leaves none."""

    def __init__(self, slope: float = 1.0, reduction: int = 1, **kwargs):
        super().__init__(slope, **kwargs)
        self.reduction = reduction

    def build(self, input_shape):
        AttentionLayer.build(self, input_shape)
        channels = input_shape[self.channel]
        hidden = max(1, channels // self.reduction)
        self.squeeze = self.add_dense(channels, hidden, name="squeeze")
        self.excite = self.add_dense(hidden, channels, name="excite")

    def dense(self, x):
        return self.excite(self.squeeze(x))

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


WRONG = {
    IgnoresDataFormat: "data_format='channels_first'",
    FixedSize: "FixedSize needs a fixed height and width",
    TruncatesIntegers: "output for a map of uint8",
    IgnoresAnArgument: "slope=0.5 changes nothing",
    LosesAnArgument: "loses 'slope'",
    LosesAnArgumentOfItsBase: "loses 'identity_init'",
    HoldsADefault: "holds slope=1.0, given 0.5",
    HoldsAnArray: "is not plain JSON",
    IgnoresTheConfig: "from_config of IgnoresTheConfig builds another layer",
    ForgetsAWeight: "weight .*offset after a .keras file",
    SublayerWithoutPolicy: "sublayer 'dense' has dtype policy float32, not mixed_bfloat16",
    IdleWeight: "gradient of idle is zero",
    InfiniteGradient: "gradient of dense/kernel",
    ScoresChangeTheOutput: "output when scores are asked for differs",
    ScoresOfAnotherShape: r"scores '' have shape \(2, 1, 8\), not \(2, 8\)",
    ScoresInHalfPrecision: "scores are bfloat16 with mixed_bfloat16",
    HidesItsScores: "a symbolic call gives no scores",
    ScoresNotApplied: "output against the input times the scores differs",
    IgnoresIdentityInit: "identity_init=True is not the identity",
    NotTheIdentity: "identity_init=True is not the identity",
    CountsItsInstances: "weight paths change",
    SwallowsOptions: "no ValueError with .*no_such_option",
    ReducesToNothing: "no ValueError with .*the 8 channels.*Received: reduction=9",
    TakesAnyRank: "no ValueError with .*Received: input_shape=",
}


ON_TORCH = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the contract asks it of one backend"
)
CASES = [pytest.param(cls, marks=ON_TORCH if cls is IgnoresAnArgument else ()) for cls in WRONG]


@pytest.mark.parametrize("wrong", CASES, ids=lambda cls: cls.__name__)
def test_a_wrong_layer_fails_for_its_reason(wrong):
    with pytest.raises((AssertionError, ValueError), match=WRONG[wrong]):
        check_layer(wrong)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras does not compile on torch")
def test_a_layer_that_computes_something_else_when_compiled_fails():
    with pytest.raises(AssertionError, match="compiled y differs|times the scores differs"):
        check_layer(OtherwiseCompiled)


def test_others_must_name_an_argument():
    with pytest.raises(AssertionError, match=r"lacks: \{'slop'\}"):
        check_layer(Right, others={"slop": 2.0})


def test_others_must_give_what_no_rule_finds():
    class NeedsAValue(Right):
        def __init__(self, slope=None, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(AssertionError, match="`others` needs a value for 'slope'"):
        check_layer(NeedsAValue)
