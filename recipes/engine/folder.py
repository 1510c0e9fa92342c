"""The folder of a run: what it is called by default, and which run it is of."""

import json
import pathlib
import re
from collections.abc import Sequence

from .. import recipe
from . import progress, state

FILE, RESULT = "recipe.json", "result.json"
DEFAULT = "runs/RECIPE/ROW_seedN, in which ROW has what --set changes; runs/quick/... with --quick"


def name(title: str, row: str, changed: Sequence[str], seed: int, quick: bool) -> str:
    """Where a run of the recipe `title` is written, whose fields `changed` are other than its own.

    What is tried out, or quick, is never where the run of the recipe itself is.
    """
    parts = [row, *sorted(changed)]
    words = [re.sub(r"[^\w.,=+-]+", "-", part).strip("-") for part in parts]
    return f"runs/{'quick/' * quick}{title}/{'_'.join(words)}_seed{seed}"


def claim(
    output: pathlib.Path, chosen: recipe.Fields, seed: int, resume: bool, first: bool = True
) -> None:
    """Make `output` the folder of this run, which goes on from the state in it if `resume`.

    `first` tells the one process that writes. Raises: recipe.Mistake where the state is of another
    recipe or seed; fields of `chosen.LATER` may change on the way.
    """
    told = {"seed": seed, **chosen.told()}
    path = output / FILE
    if resume and state.found(output) and path.exists():
        kept = json.loads(path.read_text("utf-8"))
        was, now = recipe.differences(kept, told, chosen.LATER)
        if was:
            raise recipe.Mistake(
                f"The run in {str(output)!r} was begun with {was}. Go on with these, or give "
                f"another --output, or --no-resume to begin it anew. Received: {now}"
            )
    if not first:
        return
    output.mkdir(parents=True, exist_ok=True)
    if not resume:
        state.clear(output)
    if not state.found(output):
        (output / RESULT).unlink(missing_ok=True)
    progress.write(path, json.dumps(told, indent=1) + "\n")
