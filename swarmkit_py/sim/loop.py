"""Owns virtual time: an event loop that never waits, and the clock that reads it.

When nothing can run, the loop's time jumps to the next timer; so a minute costs what happens in it. Each task carries
its owner (`owned_by`), so that a crash can end all that a process had going, in one moment and in a fixed order. No
sockets, no threads, no real clock. Counterpart: the mutable clocks of swarmkit's tests (code.cloudfoundry.org/clock).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta, timezone
from typing import Any

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_owner: contextvars.ContextVar[str] = contextvars.ContextVar("owner", default="world")


class Stuck(RuntimeError):
    """Nothing can run and no timer is set: everybody waits for ever."""


class _Jump:
    """The loop's selector: there are no files to wait for, so "waiting" moves the time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing can run and no timer is set")
        if timeout > 0:
            self._loop.jump()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`run_until_complete` as with any loop; `time()` is virtual and starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self._tasks: dict[str, dict[asyncio.Task[Any], None]] = {}
        self.set_task_factory(self._make_task)  # type: ignore[arg-type] # typeshed's is generic

    def time(self) -> float:
        return self._now

    def jump(self) -> None:
        """To the next timer."""
        timers = self._scheduled  # type: ignore[attr-defined]
        self._now = max(self._now, timers[0].when())

    def tasks_of(self, owner: str) -> list[asyncio.Task[Any]]:
        """What an owner has going, oldest first."""
        return list(self._tasks.get(owner, ()))

    async def end(self, *owners: str) -> None:
        """Cancel all that these owners have going, at one moment, and wait until it is over."""
        while doomed := [task for owner in owners for task in self.tasks_of(owner)]:
            for task in doomed:
                task.cancel()
            await asyncio.gather(*doomed, return_exceptions=True)

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **more)
        mine = self._tasks.setdefault(_owner.get(), {})
        mine[task] = None
        task.add_done_callback(lambda done: mine.pop(done, None))
        return task

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""


def owned_by(owner: str, start: Callable[[], Any]) -> Any:
    """Call `start`; every task made in it, or by such a task, belongs to `owner`."""
    context = contextvars.copy_context()
    context.run(_owner.set, owner)
    return context.run(start)


class LoopClock:
    """A `Clock` on the running loop's time. `skew`: seconds by which this machine's wall clock is ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew: float = 0.0) -> None:
        self._loop = loop
        self._start = START + timedelta(seconds=skew)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
