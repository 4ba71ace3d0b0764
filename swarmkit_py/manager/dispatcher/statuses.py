"""Owns observed states on their way up: collected from all sessions, written in one transaction, then acknowledged.

A state only rises, and a node speaks for its own tasks only. Counterpart: dispatcher.go processUpdates.
"""

from __future__ import annotations

import asyncio
import logging

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.manager.dispatcher.sessions import Session
from swarmkit_py.model.objects import Task, TaskStatus
from swarmkit_py.model.states import TaskState, Writer, may_move
from swarmkit_py.rpc.channel import ChannelClosed
from swarmkit_py.rpc.messages import StatusAck, StatusReport
from swarmkit_py.store.memory import Store, Transaction

log = logging.getLogger(__name__)

FLUSH_INTERVAL = 0.1
RETRY_INTERVAL = 1.0


def known(task: Task, reported: TaskStatus) -> TaskStatus:
    """The report with what only the manager remembers: since when the task has been running."""
    first = reported.timestamp if reported.state is TaskState.RUNNING else None
    return replace(reported, started_at=task.status.started_at or first)


def advances(task: Task, status: TaskStatus, node_id: str) -> bool:
    """True if this report about `task`, from that node, is news that may be written."""
    old = task.status
    if task.node_id != node_id or status.state.rank < old.state.rank or status == old:
        return False
    return may_move(Writer.AGENT, old.state, status.state)


class StatusBatcher:
    """Reports in, transactions out: the first at once, then at most one every 100 ms."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._waiting: list[tuple[Session, StatusReport]] = []
        self._ready = asyncio.Event()

    def add(self, session: Session, report: StatusReport) -> None:
        self._waiting.append((session, report))
        self._ready.set()

    async def run(self) -> None:
        while True:
            await self._ready.wait()
            await self._clock.sleep(FLUSH_INTERVAL if self._flush() else RETRY_INTERVAL)

    def _flush(self) -> bool:
        batch = list(self._waiting)
        try:
            self._store.update(lambda tx: _write(tx, batch), writer=Writer.AGENT)
        except Exception:
            # Whatever the journal cannot do now (a full disk), unacknowledged reports must not be lost.
            log.exception("observed states not written; again in %g s", RETRY_INTERVAL)
            return False
        del self._waiting[: len(batch)]
        self._ready.clear()
        _acknowledge(batch)
        return True


def _write(tx: Transaction, batch: list[tuple[Session, StatusReport]]) -> None:
    for session, report in batch:
        for task_id, status in report.statuses.items():
            task = tx.get(Task, task_id)
            if task is None:
                continue
            status = known(task, status)
            if advances(task, status, session.node_id):
                tx.update(replace(task, status=status))


def _acknowledge(batch: list[tuple[Session, StatusReport]]) -> None:
    newest: dict[Session, int] = {}
    for session, report in batch:
        newest[session] = max(report.sequence, newest.get(session, 0))
    for session, sequence in newest.items():
        try:
            session.channel.send(StatusAck(sequence=sequence))
        except ChannelClosed:
            pass  # it will report again in its next session
