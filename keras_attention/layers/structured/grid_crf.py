"""Attention by mean field in a grid of neighbours."""

import keras
from keras import ops

from ...ops import axes, mean_field
from ..base import AttentionLayer
from ..checks import at_least, one_of, rate

OUTPUTS = ("gate", "pool", "marginals")


@keras.saving.register_keras_serializable("keras_attention")
class GridCRFAttention(AttentionLayer):
    """y = x * q_1, where q = softmax(u(x) + sum over the 4 neighbours of q_neighbour W), repeated.

    q_1 is the probability of state 1. u is a dense layer of x; `right` is W for [left, right]
    neighbours and, transposed, for [right, left] ones, `down` for [upper, lower] ones. At zero,
    where they start, this is sigmoid attention for two states.

    Mean field is exact without coupling, off by about 0.002 at couplings of 0.1, and over-confident
    beyond about 0.5. All sites are updated at once, which can overshoot where coupling is strong;
    `damping` helps.

    Args:
        num_states: Integer >= 2, the number of states K.
        iterations: Integer >= 1, the number of updates.
        shared: Whether `right` also serves for `down`.
        damping: Share of the old q that an update keeps, in [0, 1).
        output: "gate", x * q_1; "pool", sum_i q_1(i) x_i; "marginals", q.
        **kwargs: `identity_init` (with "gate"), `data_format`, `dtype`, `name`.
    Input shape: (batch, height, width, channels), or channels first.
    Output shape: "gate": the same; "pool": (batch, channels); "marginals": with K channels.
    Scores: (batch, height, width), q_1.
    Raises: ValueError if `num_states` is below 2 or `iterations` below 1, `damping` is not in
        [0, 1), or `output` is unknown.
    Differs from the paper, whose pairwise potentials depend on the features of both sites and on a
        question; here they are the same everywhere.
    Reference: Zhu et al., "Structured Attentions for Visual Question Answering", ICCV 2017,
        arXiv:1708.02071.
    """

    score_kind = "spatial"
    slots = ("gate", "pool")

    def __init__(
        self,
        num_states: int = 2,
        iterations: int = 5,
        shared: bool = False,
        damping: float = 0.0,
        output: str = "gate",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_states = at_least(2, "GridCRFAttention", num_states=num_states)
        self.iterations = at_least(1, "GridCRFAttention", iterations=iterations)
        self.shared = shared
        self.damping = rate("GridCRFAttention", damping=damping)
        self.output_kind = one_of(OUTPUTS, "GridCRFAttention", output=output)
        self.identity_start = "blend" if output == "gate" else None
        self.check_identity()

    def build(self, input_shape):
        super().build(input_shape)
        self.unary = self.add_dense(input_shape[self.channel], self.num_states, name="unary")
        self.right = self._add_potential("right")
        self.down = self.right if self.shared else self._add_potential("down")

    def _add_potential(self, name):
        shape = (self.num_states, self.num_states)
        return self.add_weight(shape=shape, initializer="zeros", name=name, autocast=False)

    def call(self, x, return_attention_scores=False):
        last = axes.to_last(x, self.data_format)
        q = mean_field.grid(self.unary(last), self.right, self.down, self.iterations, self.damping)
        scores = q[..., 1]
        y = ops.cast(q if self.output_kind == "marginals" else q[..., 1:2], last.dtype)
        if self.output_kind == "pool":
            y = ops.sum(y * last, axis=(1, 2))
        elif self.output_kind == "gate":
            y = self.blend(x, axes.from_last(y * last, self.data_format))
        else:
            y = axes.from_last(y, self.data_format)
        return (y, scores) if return_attention_scores else y

    def get_config(self):
        return {
            **super().get_config(),
            "num_states": self.num_states,
            "iterations": self.iterations,
            "shared": self.shared,
            "damping": self.damping,
            "output": self.output_kind,
        }
