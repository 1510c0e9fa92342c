"""How long two ways of the same computation take, alternately in one process."""

import statistics
import time
from collections.abc import Callable, Mapping

WARM_UP = 3


def paired(ours: Callable, theirs: Callable, rounds: int = 15, seconds: float = 0.05):
    """(ours, theirs) in seconds per call, medians of `rounds`, alternating.

    Each function runs to its end: it returns when the result is there.
    """
    times = alternating({"ours": ours, "theirs": theirs}, rounds, seconds)
    return statistics.median(times["ours"]), statistics.median(times["theirs"])


def alternating(
    functions: Mapping[str, Callable], rounds: int, seconds: float = 0.05
) -> dict[str, list[float]]:
    """Seconds per call of each function in each round.

    In a round each runs as often as the slowest fits in `seconds`, at least once, and the order is
    turned round from round to round.
    """
    for function in functions.values():
        for _ in range(WARM_UP):
            function()
    slowest = max(_once(function) for function in functions.values())
    repeats = max(1, int(seconds / max(slowest, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    order = list(functions.items())
    for _ in range(rounds):
        order.reverse()
        for name, function in order:
            started = time.perf_counter()
            for _ in range(repeats):
                function()
            times[name].append((time.perf_counter() - started) / repeats)
    return times


def single(function: Callable, rounds: int = 7) -> float:
    """The median of seconds per call."""
    for _ in range(WARM_UP):
        function()
    return statistics.median(_once(function) for _ in range(rounds))


def _once(function: Callable) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
