"""Owns waiting in tests: for a condition, with a deadline, never for "long enough"."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str = "", within: float = 10, *, every: float = 0.02) -> T:
    """Ask `condition` until its answer is true, and return that answer. AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(_late(what, within, answer))
        pause.wait(every)
    return answer


async def until(condition: Callable[[], T], seconds: float = 10, *, what: str = "", every: float = 0.01) -> T:
    """The same for coroutines: the event loop goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(_late(what, seconds, answer))
        await asyncio.sleep(every)
    return answer


def _late(what: str, seconds: float, answer: object) -> str:
    return f"not within {seconds:g} s: {what or 'the condition'} (last answer: {answer!r})"
