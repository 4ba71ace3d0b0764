"""Owns the memory of recent commits: whoever follows the store may say from which version on.

A reader keeps its own place and asks again; it has no queue that could overflow. What is too old is forgotten
(SwarmKit: compacted), and a reader that needs it is told so.
Counterpart: swarmkit/manager/watchapi and the raft log behind its `ChangesBetween`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from swarmkit_py.errors import OutOfRange
from swarmkit_py.store.watch import Change

KEPT = 10_000
"""Changes (not commits) that are remembered."""


@dataclass(frozen=True)
class Commit:
    """One transaction: the version it made, and all it changed."""

    index: int
    changes: list[Change]


class History:
    """The last commits, oldest first. `start`: the version before the first one that can come."""

    def __init__(self, start: int = 0, kept: int = KEPT) -> None:
        self._commits: deque[Commit] = deque()
        self._kept, self._size = kept, 0
        self._forgotten = self._last = start
        self._news = asyncio.Event()

    @property
    def last(self) -> int:
        """The newest version known."""
        return self._last

    def record(self, index: int, changes: list[Change]) -> None:
        """A commit; versions only rise."""
        self._commits.append(Commit(index, changes))
        self._last, self._size = index, self._size + len(changes)
        while self._size > self._kept and len(self._commits) > 1:
            oldest = self._commits.popleft()
            self._forgotten, self._size = oldest.index, self._size - len(oldest.changes)
        self._news.set()
        self._news = asyncio.Event()

    def begin(self, start: int) -> None:
        """Nothing is known of how this version came about."""
        self._commits.clear()
        self._forgotten = self._last = start
        self._size = 0

    def after(self, index: int) -> list[Commit]:
        """All commits above this version. Raises OutOfRange if some of them are forgotten, or it is yet to come."""
        if index < self._forgotten:
            raise OutOfRange(
                f"version {index} is too old to go on from: the changes up to {self._forgotten} are forgotten. Read "
                "the objects again, and follow from now", rpc=True)
        if index > self._last:
            raise OutOfRange(f"version {index} does not exist yet: the last one is {self._last}", rpc=True)
        found = []
        for commit in reversed(self._commits):
            if commit.index <= index:
                break
            found.append(commit)
        return found[::-1]

    async def wait(self, index: int) -> None:
        """Until there is a commit above this version."""
        while self._last <= index:
            await self._news.wait()
