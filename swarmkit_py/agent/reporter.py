"""Owns observed states on their way to the manager: the newest per task, sent again until acknowledged.

Must not know the connection: it is given a `send` for each session. Counterpart: swarmkit/agent/reporter.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

from swarmkit_py.clock import Clock
from swarmkit_py.model.objects import TaskStatus
from swarmkit_py.rpc.messages import StatusReport

GATHER = 0.02
"""Seconds between two reports, so that a burst of small steps travels together."""
REPEAT = 5.0
"""Seconds until what was not acknowledged is sent again."""
LIMIT = 1000
"""Statuses in one report, which keeps the message small."""


class Reporter:
    """`update` at any time; `run` once per session; `acknowledge` when the manager has it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: dict[str, TaskStatus] = {}
        self._unsent: dict[str, None] = {}
        self._sent: dict[int, dict[str, TaskStatus]] = {}
        self._sequence = 0
        self._news = asyncio.Event()

    @property
    def pending(self) -> bool:
        """True while the manager lacks something."""
        return bool(self._newest)

    def update(self, task_id: str, status: TaskStatus) -> None:
        self._newest[task_id] = status
        self._unsent[task_id] = None
        self._news.set()

    def forget(self, task_id: str) -> None:
        """The manager no longer has this task."""
        self._newest.pop(task_id, None)
        self._unsent.pop(task_id, None)

    def acknowledge(self, sequence: int) -> None:
        """Everything up to `sequence` is in the manager's store."""
        for number in [number for number in self._sent if number <= sequence]:
            for task_id, status in self._sent.pop(number).items():
                if self._newest.get(task_id) is status:
                    del self._newest[task_id]
                    self._unsent.pop(task_id, None)  # told again meanwhile: what is stored need not be sent

    async def run(self, send: Callable[[StatusReport], None]) -> None:
        """Report over one session until cancelled; starts with all that was never acknowledged."""
        self._again()
        repeat = asyncio.ensure_future(self._repeat())
        try:
            while True:
                await self._news.wait()
                if self._unsent:
                    send(self._next_report())
                    await self._clock.sleep(GATHER)
                self._settle()
        finally:
            repeat.cancel()

    def _next_report(self) -> StatusReport:
        batch = {task_id: self._newest[task_id] for task_id in islice(self._unsent, LIMIT)}
        for task_id in batch:
            del self._unsent[task_id]
        self._sequence += 1
        self._sent[self._sequence] = batch
        return StatusReport(sequence=self._sequence, statuses=batch)

    def _settle(self) -> None:
        if not self._unsent:
            self._news.clear()

    async def _repeat(self) -> None:
        while True:
            newest_then = self._sequence
            await self._clock.sleep(REPEAT)
            if any(number <= newest_then for number in self._sent):
                self._again()

    def _again(self) -> None:
        self._sent.clear()
        self._unsent = dict.fromkeys(self._newest)
        if self._unsent:
            self._news.set()
