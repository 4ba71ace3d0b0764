"""Owns how slow this machine is now, compared with the one the deadlines were set on: they are multiplied by it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

REFERENCE_SECONDS = 0.012
ROUNDS = 60
SLOWEST = 10.0


def speed_factor(clock: Callable[[], float] = time.perf_counter) -> float:
    """1 on the reference machine or a faster one, 2 where the same work takes twice as long, at most 10."""
    started = clock()
    data = b"\0" * 65536
    for _ in range(ROUNDS):
        data = hashlib.sha256(data).digest() * 2048
    return min(SLOWEST, max(1.0, (clock() - started) / REFERENCE_SECONDS))
