"""Weights that are drawn back, every few steps, to a slow average of themselves.

Reference: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019,
arXiv:1907.08610, with the share of the slow weights rising as the cube of the time, as in
github.com/KellerJordan/cifar10-airbench.
Differs from there: the averages of the norms are not drawn back; they follow within a few steps.
"""

from keras import ops

# The share of the slow weights that is left after a step, at the end of the run.
DECAY = 0.95


def with_lookahead(kind: type, every: int, steps: int) -> type:
    """An optimiser class for `steps` steps that moves the slow weights at each `every`th.

    It needs Keras's `use_ema`, whose averages are the slow weights, and
    `ema_overwrite_frequency=every`, which draws the weights back to them.
    """

    class Lookahead(kind):
        def _update_model_variables_moving_average(self, trainable_variables):
            step = ops.cast(self.iterations + 1, "float32")
            share = DECAY**every * (step / steps) ** 3
            due = ops.equal(ops.mod(self.iterations + 1, every), 0)
            kept = ops.where(due, share, ops.where(step == 1, 0.0, 1.0))
            averages = self._model_variables_moving_average
            for weight, average in zip(trainable_variables, averages, strict=True):
                if average is not None:
                    average.assign(kept * average + (1 - kept) * weight)

    return Lookahead
