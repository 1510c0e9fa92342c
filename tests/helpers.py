"""The contract of every attention layer in one call.

`check_layer(SqueezeExcite, {"reduction": 2}, others={"hidden": 5, "gate": "tanh"})` runs every
function of `CHECKS`; each holds one promise, and its message names the one that was broken.
Inputs are written channels last and brought into a layer's layout where they meet it.
"""

from tests import record
from tests.contract import errors, learning, masks, outputs, saving, scores
from tests.contract.case import Case, With

__all__ = ["CHECKS", "Case", "With", "check_layer"]

CHECKS = (
    saving.weight_paths,  # before those that give equal weights to layers by these paths
    outputs.dtype_policy,
    outputs.both_data_formats,
    outputs.square_of_channels,
    outputs.any_size,
    outputs.training,
    outputs.integer_maps,
    scores.scores,
    outputs.symbolic_and_compiled,
    masks.masks,
    learning.identity_init,
    saving.every_argument_matters,
    saving.config,
    saving.saving,
    outputs.precision,
    learning.weights_learn,
    errors.errors,
)


def check_layer(*arguments, **named):
    """Assert everything that a layer promises; the arguments are those of `Case`."""
    case = Case(*arguments, **named)
    for check in CHECKS:
        check(case)
    record.promise(
        case.cls.__name__,
        dynamic=case.dynamic,
        dynamic_scores=case.dynamic_scores,
        mask=case.mask is not None,
        dtypes=["float32", *outputs.POLICIES],
    )
