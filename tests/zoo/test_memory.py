"""A model that is forgotten leaves nothing behind; `benchmarks/cycles.py` measures megabytes."""

import collections
import gc

import keras

from benchmarks import cycles

WARM, CYCLES = 4, 6


def alive():
    """How many objects of each type Python looks after."""
    gc.collect()
    return collections.Counter(type(one).__qualname__ for one in gc.get_objects())


def grown(cycle):
    """What each cycle adds, by type, where it adds to it each time.

    A few objects come and go by themselves, in caches that fill.
    """
    alive()  # Python remembers what it is asked of a type for the first time
    before = alive()
    for _ in range(CYCLES):
        cycle()
    return {kind: count for kind, count in (alive() - before).items() if count >= CYCLES}


def test_cycles_leave_nothing():
    cycles.cycle(WARM)
    assert grown(lambda: cycles.cycle(1)) == {}


def test_what_is_kept_is_seen():
    """The measure is not blind."""
    kept = []
    found = grown(lambda: kept.append(keras.layers.Dense(1)))
    assert found["Dense"] == CYCLES


def test_a_short_measurement():
    found = cycles.measure((1, 2))
    assert found["megabytes"].keys() == {1, 2} and abs(found["growth"]) < 200
    assert found["objects"][2] > 100
