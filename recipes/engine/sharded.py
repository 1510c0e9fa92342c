"""A state whose variables lie on several hosts of JAX: each writes and reads its own parts.

Orbax does that, and leaves a folder where there is a file otherwise. Nothing is gathered on one
host, and a folder that is not whole has another name.
"""

import pathlib
import shutil
from collections.abc import Mapping

import numpy as np

SUFFIX = ".orbax"
# What Orbax calls a folder while it writes it.
UNFINISHED = f"*{SUFFIX}.orbax-checkpoint-tmp*"


def save(path: pathlib.Path, values: Mapping, position: dict) -> None:
    """Write variables by name and the position. Every process must call this."""
    import orbax.checkpoint as ocp

    parts = ocp.args.Composite(
        values=ocp.args.StandardSave(_global(values)), position=ocp.args.JsonSave(position)
    )
    _checkpointer().save(path.absolute(), parts)


def restore(path: pathlib.Path, values: Mapping) -> tuple[dict, dict]:
    """The values that are stored for these variables, laid out as they are, and the position.

    Every process must call this. Raises: ValueError where other variables are stored.
    """
    import orbax.checkpoint as ocp

    parts = ocp.args.Composite(
        values=ocp.args.StandardRestore(_global(values)), position=ocp.args.JsonRestore()
    )
    found = _checkpointer().restore(path.absolute(), parts)
    return found["values"], found["position"]


def remove(path: pathlib.Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _checkpointer():
    import orbax.checkpoint as ocp

    return ocp.Checkpointer(ocp.CompositeCheckpointHandler())


def _global(values: Mapping) -> dict:
    """Orbax takes arrays of all hosts as they are, and those of each host as NumPy's."""
    return {
        key: np.asarray(value) if getattr(value, "is_fully_addressable", True) else value
        for key, value in values.items()
    }
