"""Owns when the scheduler's next pass is due. Pure: it is told the time.

Passes are bundled as in SwarmKit (50 ms after the last news, 1 s after the first at the latest), but the first
news after a quiet time are answered at once: a lone `service create` costs no delay.
"""

from __future__ import annotations

from swarmkit_py.manager import defaults


class Rhythm:
    """`news` when something may let a task be placed, `passed` after a pass; times are monotonic seconds."""

    def __init__(self) -> None:
        self._last_pass = float("-inf")
        self._first_news: float | None = None
        self._last_news = 0.0

    def news(self, now: float) -> None:
        self._last_news = now
        if self._first_news is None:
            self._first_news = now

    def passed(self, now: float) -> None:
        self._last_pass = now
        self._first_news = None

    def wait(self, now: float) -> float | None:
        """Seconds until the next pass is due (0: now); None if there are no news."""
        if self._first_news is None:
            return None
        if self._first_news - self._last_pass >= defaults.SCHEDULER_QUIET_SECONDS:
            return 0.0
        due = min(self._last_news + defaults.SCHEDULER_QUIET_SECONDS,
                  self._first_news + defaults.SCHEDULER_MAX_WAIT_SECONDS)
        return max(0.0, due - now)
