"""Owns the one shape that a manager's loops have: look at everything, then follow events, then act.

A part says what it watches, which changes concern it, and what it does about them; `follow` runs it. So a part is
tested by calling it, without time and without asyncio. Counterpart: the `Run` of each of SwarmKit's components,
written out there once for each.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.manager.defaults import RETRY_SECONDS
from swarmkit_py.model.objects import Object
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change, Watch

log = logging.getLogger(__name__)


class Part(Protocol):
    """One component's reaction to the store."""

    kinds: tuple[type[Object], ...]

    def look_at_everything(self) -> None:
        """Start again from the tables: at the start, when events were lost, when a commit failed."""

    def notice(self, change: Change) -> None:
        """Take in one change, and mark what is to be done because of it."""

    def tick(self) -> float | None:
        """Do some of what is marked. Seconds until there is more to do (0: at once); None: not before an event."""


async def follow(part: Part, store: Store, clock: Clock) -> None:
    """Run a part until cancelled; an error in it ends it."""
    with store.watch(*part.kinds) as watch:
        part.look_at_everything()
        while True:
            wait = _tick(part)
            await asyncio.sleep(0)  # a long backlog must not keep the other components from their turn
            for change in await _changes(watch, clock, wait):
                part.notice(change)
            if watch.acknowledge_resync():
                part.look_at_everything()


def _tick(part: Part) -> float | None:
    """The part's turn. A journal that cannot be written (disk full) is no reason to die: try again a little later."""
    try:
        return part.tick()
    except Unavailable as error:
        log.warning("%s: %s", type(part).__name__, error)
        part.look_at_everything()
        return RETRY_SECONDS


async def _changes(watch: Watch, clock: Clock, wait: float | None) -> list[Change]:
    """What has happened, waiting `wait` seconds for it at most (None: as long as it takes)."""
    if wait is None:
        return await watch.next()
    if wait <= 0:
        return watch.take()
    news = asyncio.ensure_future(watch.next())
    alarm = asyncio.ensure_future(clock.sleep(wait))
    try:
        await asyncio.wait({news, alarm}, return_when=asyncio.FIRST_COMPLETED)
        return news.result() if news.done() else watch.take()
    finally:
        news.cancel()
        alarm.cancel()
