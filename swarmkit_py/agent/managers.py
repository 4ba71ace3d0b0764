"""Owns the list of managers a node knows, and which one it tries next. Pure but for the injected random.

Counterpart: swarmkit/remotes/remotes.go.
"""

from __future__ import annotations

import random
from collections.abc import Iterable


class Managers:
    """(node id, `host:port`) of each manager. One that failed is the last to be tried again."""

    def __init__(self, known: Iterable[tuple[str, str]], rng: random.Random) -> None:
        self.known = list(known)
        self._rng = rng
        self._failures: dict[str, int] = {}
        self._preferred = ""

    def prefer(self, addr: str) -> None:
        """Try this one next: another manager said that it leads."""
        self._preferred = addr

    def pick(self) -> str:
        """The address to try: a random one of those that failed least; "" if none is known."""
        preferred, self._preferred = self._preferred, ""
        if preferred:
            return preferred
        addresses = [addr for _, addr in self.known]
        if not addresses:
            return ""
        fewest = min(self._failures.get(addr, 0) for addr in addresses)
        return self._rng.choice([addr for addr in addresses if self._failures.get(addr, 0) == fewest])

    def failed(self, addr: str) -> None:
        self._failures[addr] = self._failures.get(addr, 0) + 1

    def answered(self, addr: str) -> None:
        self._failures.pop(addr, None)

    def learn(self, managers: Iterable[tuple[str, str]]) -> bool:
        """A manager's own list replaces ours (never by nothing). True if it is news."""
        news = list(managers)
        if not news or news == self.known:
            return False
        self.known = news
        return True
