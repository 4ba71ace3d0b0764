"""Owns the published ports of the routing mesh: who has which, and which number comes next. No store.

One space per protocol; host-mode ports are the nodes' affair (the scheduler's filter).
Counterpart: swarmkit/manager/allocator/portallocator.go.
"""

from __future__ import annotations

from swarmkit_py.manager import defaults

_COUNT = defaults.LAST_DYNAMIC_PORT - defaults.FIRST_DYNAMIC_PORT + 1


class Ports:
    """(protocol, number) → the service that has it."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], str] = {}
        self._next: dict[str, int] = {}

    def hold(self, protocol: str, number: int, service_id: str) -> None:
        """Note who has a port; if another service has it already, that one keeps it."""
        self._holders.setdefault((protocol, number), service_id)

    def release(self, protocol: str, number: int, service_id: str) -> None:
        """Give a port back, if this service has it."""
        if self._holders.get((protocol, number)) == service_id:
            del self._holders[protocol, number]

    def take(self, protocol: str, service_id: str) -> int | None:
        """The next free port from 30000 to 32767, in turn so that a number just freed rests; None if none is."""
        start = self._next.get(protocol, 0)
        for step in range(_COUNT):
            offset = (start + step) % _COUNT
            number = defaults.FIRST_DYNAMIC_PORT + offset
            if (protocol, number) not in self._holders:
                self._next[protocol] = offset + 1
                self._holders[protocol, number] = service_id
                return number
        return None

    def holder(self, protocol: str, number: int) -> str:
        """The id of the service that has the port, "" if none."""
        return self._holders.get((protocol, number), "")
