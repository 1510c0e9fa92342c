"""How long two ways of the same computation take, alternately in one process."""

import statistics
import time
from collections.abc import Callable

WARM_UP = 3


def paired(ours: Callable, theirs: Callable, rounds: int = 15, seconds: float = 0.05):
    """(ours, theirs) in seconds per call, medians of `rounds`, alternating.

    Each function runs to its end: it returns when the result is there. In a round each runs as
    often as fits in `seconds`, at least once, and the order changes from round to round.
    """
    for function in (ours, theirs):
        for _ in range(WARM_UP):
            function()
    repeats = max(1, int(seconds / max(_once(ours), _once(theirs), 1e-9)))
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        order = [("ours", ours), ("theirs", theirs)]
        for name, function in order if number % 2 else reversed(order):
            started = time.perf_counter()
            for _ in range(repeats):
                function()
            times[name].append((time.perf_counter() - started) / repeats)
    return statistics.median(times["ours"]), statistics.median(times["theirs"])


def single(function: Callable, rounds: int = 7) -> float:
    """The median of seconds per call."""
    for _ in range(WARM_UP):
        function()
    return statistics.median(_once(function) for _ in range(rounds))


def _once(function: Callable) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
