"""What a caller of `load` wants otherwise than it was published."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from .. import models


@dataclasses.dataclass(frozen=True)
class Changes:
    """The arguments of `load`, which explains them; the defaults change nothing."""

    num_classes: int | None = None
    input_shape: Sequence[int | None] | None = None
    attention: models.Slots = None
    features_only: bool = False
    levels: Sequence[str] | None = None
    weights: bool = True

    def applied_to(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """These arguments of `models.build`, changed."""
        given = {
            "num_classes": self.num_classes,
            "input_shape": self.input_shape,
            "attention": self.attention,
            "features_only": self.features_only or None,
            "levels": self.levels,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if self.has_new_head(arguments):
            given["labels"] = None
        return {**arguments, **given}

    def has_new_head(self, arguments: dict[str, Any]) -> bool:
        """Whether the classifier is another than the published one."""
        return self.num_classes not in (None, arguments["num_classes"])
