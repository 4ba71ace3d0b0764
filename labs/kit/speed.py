"""Owns how slow this machine is now, compared with the one the deadlines were set on: they are multiplied by it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

REFERENCE_SECONDS = 0.012
ROUNDS = 10_000
SLOWEST = 10.0
TRIES = 3
"""One alone may meet the moment in which another process has the processor."""


def speed_factor(clock: Callable[[], float] = time.perf_counter) -> float:
    """1 on the reference machine or a faster one, 2 where the same work takes twice as long, at most 10."""
    started = clock()
    words = [str(number) for number in range(ROUNDS)]
    sorted(words, key=hash)
    json.loads(json.dumps({word: [word] for word in words}))
    return min(SLOWEST, max(1.0, (clock() - started) / REFERENCE_SECONDS))


def speed_now(measure: Callable[[], float] = speed_factor) -> float:
    """The middle one of some measures."""
    return statistics.median(measure() for _ in range(TRIES))
