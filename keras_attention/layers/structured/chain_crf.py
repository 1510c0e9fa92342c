"""The linear-chain conditional random field."""

import keras
from keras import ops

from ...ops import crf
from ..base import AttentionLayer
from ..checks import mask_of, one_of

OUTPUTS = ("marginals", "viterbi", "unary")


@keras.saving.register_keras_serializable("keras_attention")
class LinearChainCRF(AttentionLayer):
    """p(z) proportional to exp(start(z_1) + sum_i u_i(z_i) + sum_i T(z_i, z_{i+1}) + end(z_N)).

    The input holds the unary potentials u; the layer has T, start and end. Inference is exact, in
    float32 and O(log N) steps. To train it as a tagger, make it with `output="unary"` and take the
    loss `lambda tags, unary: -layer.log_likelihood(unary, tags)`; then read `layer.decode(unary)`.

    Args:
        output: "marginals", the probabilities p(z_i = k); "viterbi", a most probable sequence as
            int32, which has no gradient; "unary", the input, for a loss that needs it.
        use_boundary: Whether there are `start` and `end`; else they are zero.
        **kwargs: `dtype`, `name`.
    Call arguments: `mask`, boolean (batch, tokens), True for the tokens that exist. The chain joins
        those that are left, wherever they are, so padding and holes equal the shorter sequence; at
        masked tokens marginals and tags are 0.
    Input shape: (batch, tokens, states); the number of tokens must be known.
    Output shape: (batch, tokens, states); "viterbi": (batch, tokens).
    Scores: (batch, states, tokens), the marginals, which sum to 1 over the states.
    Raises: ValueError for another `output`, an unknown number of tokens, or a mask that does not
        fit.
    Differs from code that adds `end` to the last token of the padded sequence: here it is that of
        the last one that exists.
    Reference: Lafferty, McCallum, Pereira, "Conditional Random Fields: Probabilistic Models for
        Segmenting and Labeling Sequence Data", ICML 2001; the scans are those of Hassan, Särkkä,
        García-Fernández, arXiv:2102.05743.
    """

    score_kind = "pool"
    slots = ("logits",)
    ranks = (3,)
    identity_start = None

    def __init__(self, output: str = "marginals", use_boundary: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.output_kind = one_of(OUTPUTS, "LinearChainCRF", output=output)
        self.use_boundary = use_boundary
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        self.check_shape(input_shape, static=True)
        states = input_shape[-1]
        self.transitions = self._add_potential((states, states), "transitions")
        self.start = self._add_potential((states,), "start") if self.use_boundary else None
        self.end = self._add_potential((states,), "end") if self.use_boundary else None

    def _add_potential(self, shape, name):
        uniform = keras.initializers.RandomUniform(-0.1, 0.1)
        return self.add_weight(shape=shape, initializer=uniform, name=name, autocast=False)

    def call(self, unary, mask=None, return_attention_scores=False):
        marginals = None
        if self.output_kind == "marginals" or return_attention_scores:
            marginals = self._marginals(unary, mask)
        y = unary
        if self.output_kind == "marginals":
            y = ops.cast(marginals, self.compute_dtype)
        elif self.output_kind == "viterbi":
            y = self.decode(unary, mask)
        return (y, ops.swapaxes(marginals, 1, 2)) if return_attention_scores else y

    def _marginals(self, unary, mask):
        edges, mask = self._edges(unary, mask)
        marginals = crf.marginals(edges)
        return marginals if mask is None else ops.where(mask[..., None], marginals, 0.0)

    def log_partition(self, unary, mask=None):
        """log Z (batch,), the logarithm of the sum of exp(...) over all sequences of states."""
        edges, _ = self._edges(unary, mask)
        return crf.log_partition(edges)

    def log_likelihood(self, unary, tags, mask=None):
        """log p(tags) (batch,) in float32, at most 0; tags (batch, tokens) are integers."""
        edges, mask = self._edges(unary, mask)
        return crf.path_score(edges, ops.convert_to_tensor(tags), mask) - crf.log_partition(edges)

    def decode(self, unary, mask=None):
        """A most probable sequence (batch, tokens) of states, int32, 0 at masked tokens.

        Where several are equally probable it is one of them, though not always the same one on
        every backend.
        """
        edges, mask = self._edges(unary, mask)
        tags = crf.viterbi(edges)
        return tags if mask is None else ops.where(mask, tags, 0)

    def _edges(self, unary, mask):
        if not self.built:
            raise ValueError(
                f"LinearChainCRF {self.name!r} has no potentials before it is called or built. "
                "Received: built=False"
            )
        unary = ops.convert_to_tensor(unary)
        if mask is not None:
            mask = mask_of(unary, ops.convert_to_tensor(mask), "LinearChainCRF")
        return crf.edges_of(unary, self.transitions, self.start, self.end, mask), mask

    def get_config(self):
        return {
            **super().get_config(),
            "output": self.output_kind,
            "use_boundary": self.use_boundary,
        }
