"""Memory of a process that loads a model of the package and forgets it, again and again.

Run      KERAS_BACKEND=torch python -m benchmarks.cycles [CYCLES]
Prints   a line of JSON: resident megabytes after 50, 250, 500 and 1000 cycles (CYCLES are 1000 if
         not told), `growth` of the last beyond the first, and Python's objects at both

A cycle is what a user does: `zoo.load`, `del`, `gc.collect()`. Keras's `clear_session` is not
called, since nothing but the names that Keras counts would be forgotten.
"""

import gc
import json
import sys

from benchmarks import memory

MODEL = "resnet18w16_cbam_cifar10"
MARKS = (50, 250, 500, 1000)  # libraries have loaded what they need by the first


def cycle(count: int) -> None:
    """Load the model and forget it, so many times."""
    from keras_attention import zoo

    for _ in range(count):
        model = zoo.load(MODEL)
        del model
        gc.collect()


def measure(marks: tuple[int, ...]) -> dict:
    """Resident megabytes after so many cycles in all, and how many objects Python looks after."""
    done, resident, objects = 0, {}, {}
    for mark in marks:
        cycle(mark - done)
        done = mark
        resident[mark], objects[mark] = memory._now() / 1e6, len(gc.get_objects())
    first, last = marks[0], marks[-1]
    return {
        "megabytes": {mark: round(value, 1) for mark, value in resident.items()},
        "growth": round(resident[last] - resident[first], 1),
        "objects": {mark: objects[mark] for mark in (first, last)},
    }


def main(cycles: int = MARKS[-1]) -> None:
    print(json.dumps(measure((*[mark for mark in MARKS if mark < cycles], cycles))))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
