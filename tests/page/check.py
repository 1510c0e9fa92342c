"""After the suites of all backends: they agree, and `docs/layers.json` says what was measured.

Run `python -m tests.page.check`; `python -m tests.run` does at its end.
"""

import json
import sys

from tests.page import measure
from tests.page.__main__ import DATA
from tests.run import RECORD

APART = 1e-5  # of the largest output
# Rounding differs between machines: an error may be this many times the documented one.
SLACK = 4
FLOOR = 1e-6


def faults() -> list[str]:
    """What does not hold, in words."""
    found, written = measure.found(RECORD), json.loads(DATA.read_text("utf-8"))
    told = []
    apart = measure.differences(RECORD)
    told += [f"{name}: backends differ by {x:.2g}" for name, x in apart.items() if x > APART]
    for key, facts in found.items():
        for fact in ("backends", "dtypes", "mask", "sizes"):
            if facts[fact] != written[key][fact]:
                told.append(f"{key}: {fact} is {facts[fact]}, the page says {written[key][fact]}")
        if set(facts["oracles"]) != set(written[key]["oracles"]):
            told.append(f"{key}: oracles are {list(facts['oracles'])}: run `make docs`")
            continue
        for oracle, error in facts["oracles"].items():
            bound = max(FLOOR, SLACK * written[key]["oracles"][oracle])
            if error > bound:
                told.append(f"{key}: {error:.2g} from {oracle}, far above what the page says")
    print(f"{len(apart)} cases agree between backends to {max(apart.values()):.2g}")
    return told


if __name__ == "__main__":
    print("\n".join(problems := faults()))
    sys.exit(1 if problems else 0)
