"""Owns waiting for a condition with a deadline. Nothing in the kit sleeps and hopes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PACE = 0.05


def until(condition: Callable[[], bool], within: float, pace: float = PACE) -> bool:
    """True as soon as it holds, False after `within` seconds."""
    pause = threading.Event()
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() >= deadline:
            return False
        pause.wait(pace)
    return True
