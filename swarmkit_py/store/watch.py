"""Owns how components hear of commits: one queue a watcher, whole commits, nothing lost or doubled.

Counterpart: swarmkit/watch/watch.go. Theirs is unbounded; ours, when a watcher falls too far behind, drops the
backlog and tells it once (`resync`), and the watcher starts from the tables again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

BACKLOG_LIMIT = 200_000
"""Changes a watcher may leave unread."""


class Change(NamedTuple):
    """One object's change in a commit: created (`old` None), deleted (`new` None), or updated."""

    kind: type[Any]
    old: Any
    new: Any

    @property
    def object(self) -> Any:
        """The object as it is now, or as it last was."""
        return self.new if self.new is not None else self.old


class Watch:
    """A subscription: `changes = await watch.next()`, until `close`."""

    def __init__(self, kinds: tuple[type[Any], ...], on_close: Callable[[Watch], None]) -> None:
        self._kinds = kinds
        self._on_close = on_close
        self._pending: list[Change] = []
        self._ready = asyncio.Event()
        self.resync = False
        """True if changes were dropped: read the tables again, then `acknowledge_resync`."""

    def publish(self, changes: list[Change]) -> None:
        mine = [c for c in changes if not self._kinds or c.kind in self._kinds]
        if not mine:
            return
        self._pending.extend(mine)
        if len(self._pending) > BACKLOG_LIMIT:
            self._pending.clear()
            self.resync = True
        self._ready.set()

    async def next(self) -> list[Change]:
        """All changes since the last call, at least one (none only when `resync` was set)."""
        await self._ready.wait()
        return self.take()

    def take(self) -> list[Change]:
        """What has come so far, perhaps nothing; does not wait."""
        self._ready.clear()
        changes, self._pending = self._pending, []
        return changes

    def acknowledge_resync(self) -> bool:
        """True if the backlog was dropped since last asked."""
        was, self.resync = self.resync, False
        return was

    def close(self) -> None:
        self._on_close(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
