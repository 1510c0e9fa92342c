"""The soft attention of image captioning."""

import keras
from keras import ops

from ...ops import weighted
from ..base import AttentionLayer
from ..checks import mask_of, optional_at_least, shapes

NAMES = ("features", "state", "projected")


@keras.saving.register_keras_serializable("keras_attention")
class SoftVisualAttention(AttentionLayer):
    """z = beta sum_i alpha_i a_i, alpha = softmax_i(v . tanh(W_a a_i + W_h h + b)).

    a are features of an image, h is the state of the decoder before the word, and
    beta = sigmoid(w . h + b_beta) is one number. Called on [features, state], or on
    [features, state, project(features)] to compute W_a a + b once for all words of an image.
    `ops.weighted.doubly_stochastic_penalty` of the scores of all words is the paper's regulariser.

    Args:
        units: Integer >= 1, the width of the hidden layer; None takes that of the features.
        use_selector: Whether there is the factor beta.
        **kwargs: `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, positions) of the features, True where one may be used;
        or a list of masks, one for each input or None.
    Input shape: features (batch, positions, channels), state (batch, width). Output shape: (batch,
        channels) of the features.
    Scores: (batch, 1, positions), the weights alpha, without beta.
    Raises: ValueError if `units` is below 1, an input is missing or the mask does not fit.
    Differs from a popular tutorial's decoder, which has a ReLU for tanh and one beta per channel.
    Reference: Xu et al., "Show, Attend and Tell", ICML 2015, arXiv:1502.03044, equations (4) to
        (6) and section 4.2.1; v has a bias in the authors' code, which the softmax leaves out.
    """

    score_kind = "pool"
    slots = ("pair",)
    ranks = (3,)
    identity_start = None

    def __init__(self, units: int | None = None, use_selector: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.units = optional_at_least(1, "SoftVisualAttention", units=units)
        self.use_selector = use_selector
        self.supports_masking = True

    def build(self, input_shape):
        features, state, *projected = shapes(input_shape, NAMES, "SoftVisualAttention", required=2)
        self.check_shape(features, name="features_shape")
        self.check_shape(state, ranks=(2,), name="state_shape")
        units = self.units or features[-1]
        if projected and (len(projected[0]) != 3 or projected[0][-1] != units):
            raise ValueError(
                f"SoftVisualAttention needs project(features) with {units} channels as its third "
                f"input. Received: projected_shape={projected[0]}"
            )
        self.features = self.add_dense(features[-1], units, name="features")
        self.state = self.add_dense(state[-1], units, use_bias=False, name="state")
        self.score = self.add_dense(units, 1, name="score")
        if self.use_selector:
            self.selector = self.add_dense(state[-1], 1, activation="sigmoid", name="selector")

    def project(self, features):
        """W_a a + b, (batch, positions, units): the part of the scores that no word changes."""
        return self.features(features)

    def call(self, inputs, mask=None, return_attention_scores=False):
        features, state = inputs[0], inputs[1]
        mask = mask_of(features, mask, "SoftVisualAttention")
        projected = inputs[2] if len(inputs) > 2 else self.project(features)
        hidden = ops.tanh(projected + ops.expand_dims(self.state(state), 1))
        logits = ops.swapaxes(self.score(hidden), 1, 2)  # (B, 1, L)
        z, scores = weighted.softmax_mean(logits, features, mask=mask)
        z = ops.squeeze(z, 1)
        if self.use_selector:
            z = self.selector(state) * z
        return (z, scores) if return_attention_scores else z

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units, "use_selector": self.use_selector}
