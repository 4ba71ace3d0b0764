"""Owns whose turn it is: services that a loop has yet to look at, in order, and when to look at some of them again.

Must not know what is looked for. Counterpart: none (SwarmKit has a goroutine with a timer for each).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from swarmkit_py.clock import Clock

SOON = 0.001
"""Seconds to an alarm that is due: a loop that has nothing else to do waits at least so long."""


class Turns:
    """`mark` a service to be looked at, `call` it again later; `take` the next one; `rest` until there is one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marked: dict[str, None] = {}
        self._alarms: dict[str, datetime] = {}

    def mark(self, service_ids: Iterable[str]) -> None:
        self._marked.update(dict.fromkeys(service_ids))

    def call(self, service_id: str, when: datetime) -> None:
        """At most one call per service; its turn, however it came, ends it."""
        self._alarms[service_id] = when

    def take(self) -> str | None:
        """The next one, None if nobody is to be looked at now."""
        now = self._clock.now()
        self.mark(service_id for service_id, when in self._alarms.items() if when <= now)
        service_id = next(iter(self._marked), None)
        if service_id is not None:
            del self._marked[service_id]
            self._alarms.pop(service_id, None)
        return service_id

    def rest(self) -> float | None:
        """Seconds to the next turn; None: until somebody marks one."""
        if self._marked:
            return 0
        if not self._alarms:
            return None
        return max((min(self._alarms.values()) - self._clock.now()) / timedelta(seconds=1), SOON)
