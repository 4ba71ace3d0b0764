"""Owns what a pretended container does, wrote and is told. Knows no engine.

Counterpart: swarmkit/agent/testutils (its scripted controllers).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from swarmkit_py.runtime.base import LogLine


@dataclass(frozen=True)
class Outcome:
    """What containers of an image do. `start_error`: starting fails with it. `exit_code` None: they run until told
    otherwise; else they end with it `after` seconds. `ignores_stop`: only SIGKILL ends them."""

    start_error: str = ""
    exit_code: int | None = None
    after: float = 0.0
    ignores_stop: bool = False


class FakeAttached:
    """`Attached` to a pretended process; `written` is what it was sent."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self.written = b""
        self.stdin_closed = False

    def feed(self, line: LogLine) -> None:
        self._queue.put_nowait((line.stream, line.data))

    def end(self) -> None:
        """The process is over."""
        self._queue.put_nowait(None)

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """What the process writes from the attach on, until it ends."""
        while (piece := await self._queue.get()) is not None:
            yield piece

    async def write(self, data: bytes) -> None:
        self.written += data

    async def close_stdin(self) -> None:
        self.stdin_closed = True

    async def close(self) -> None:
        self.stdin_closed = True
        self.end()


@dataclass
class FakeLife:
    """One pretended container's hidden side. `run` counts its starts, `ends` its ends."""

    outcome: Outcome
    lines: list[LogLine] = field(default_factory=list)
    attached: list[FakeAttached] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    run: int = 0
    ends: int = 0
    exit_code: int = 0

    def write(self, line: LogLine) -> None:
        self.lines.append(line)
        for attached in self.attached:
            attached.feed(line)

    def end(self, code: int) -> None:
        """The process is over."""
        self.ends += 1
        self.exit_code = code
        self.let_go()

    def let_go(self) -> None:
        """Nobody is attached any more."""
        for attached in self.attached:
            attached.end()
        self.attached = []

    async def tell(self) -> None:
        """Wake whoever waits for a change."""
        async with self.changed:
            self.changed.notify_all()
