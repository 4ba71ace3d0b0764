"""Owns the time of the day at which something happened, as whoever was there read it on a clock. Pure.

A hand-in is typed again at another time, and faster. What happened then between two commands happened between the
same two when they were first typed: `marks` tell when that was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

MINUTE, DAY_MINUTES = 60, 24 * 60


def local_zone() -> float:
    """Seconds that clocks here are ahead of UTC."""
    return float(time.localtime().tm_gmtoff)


@dataclass
class Clocks:
    """`zone`: seconds ahead of UTC where the work was done. `marks`: (monotonic seconds when a command was typed
    again, seconds since 1970 when it was first typed), in order; none where nothing is replayed."""

    zone: float = field(default_factory=local_zone)
    marks: list[tuple[float, float]] = field(default_factory=list)

    def wall(self, t: float) -> tuple[float, float]:
        """The earliest and the latest moment, in seconds since 1970, that this monotonic moment stands for."""
        known = [number for number, (typed, _) in enumerate(self.marks) if typed <= t]
        if not known:
            now = t + time.time() - time.monotonic()
            return now, now
        first = self.marks[known[-1]][1]
        later = [at for _, at in self.marks[known[-1] + 1:]]
        return first, max(first, later[0]) if later else first + max(0.0, t - self.marks[known[-1]][0])

    def text(self, t: float) -> str:
        """`02:13`, on a clock there."""
        hours, minutes = divmod(self._minute(self.wall(t)[0], self.zone), MINUTE)
        return f"{hours:02}:{minutes:02}"

    def agrees(self, said: str, t: float, slack: int = 1) -> bool:
        """Is a time of the day within so many minutes of that moment, on a clock there or in UTC?"""
        hours, _, minutes = said.partition(":")
        return int(hours) * MINUTE + int(minutes) in set(self._around(t, slack))

    def _around(self, t: float, slack: int) -> Iterator[int]:
        begin, end = self.wall(t)
        for zone in (self.zone, 0.0):
            first, last = ((moment + zone) // MINUTE for moment in (begin, end))
            span = min(int(last - first) + 2 * slack, DAY_MINUTES - 1)
            yield from ((int(first) - slack + number) % DAY_MINUTES for number in range(span + 1))

    @staticmethod
    def _minute(moment: float, zone: float) -> int:
        return int((moment + zone) // MINUTE) % DAY_MINUTES
