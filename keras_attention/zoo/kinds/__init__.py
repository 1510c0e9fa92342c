"""The kinds of models that are loaded and published, by the task that the index gives them.

All that sets them apart is in one file for each; whoever asks for a kind handles all alike.
"""

import keras

from ...layers.checks import nearest
from ..errors import UnknownArchitectureError
from .classifiers import CLASSIFIERS
from .generators import GENERATORS
from .kind import WEIGHTS, Kind

__all__ = ["KINDS", "WEIGHTS", "Kind", "architecture_of", "of"]

KINDS = {"classification": CLASSIFIERS, "features": CLASSIFIERS, "generation": GENERATORS}


def of(architecture: str, source: str = "") -> Kind:
    """The kind of the models of an architecture.

    Raises: UnknownArchitectureError, which says `source`, with the nearest known name.
    """
    for kind in KINDS.values():
        if architecture in kind.architectures():
            return kind
    known = [name for kind in KINDS.values() for name in kind.architectures()]
    raise UnknownArchitectureError(
        f"{source}{': ' if source else ''}Unknown architecture.{nearest(architecture, known)} "
        f"Received: architecture={architecture[:80]!r}"
    )


def architecture_of(model: keras.Model) -> str:
    """What a model was made of, by the name that its builder gave it."""
    for kind in KINDS.values():
        name = model.name.removesuffix(kind.suffix)
        if name in kind.architectures():
            return name
    return model.name
