"""Owns which tasks' lines `docker service logs` shows, and what it needs of whoever fetches them.

Fetching from the nodes is the dispatcher's (`LogBroker`). Counterpart: swarmkit/manager/logbroker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from msgspec.structs import replace

from swarmkit_py.errors import SwarmError
from swarmkit_py.model.objects import Task
from swarmkit_py.rpc.messages import LogLineMessage
from swarmkit_py.runtime.base import LogOptions
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Watch

Line = tuple[Task, LogLineMessage]
Lines = asyncio.Queue["Line | SwarmError"]
_UNREAD_LINES = 1000
"""A slow reader holds the nodes back here, rather than filling the manager's memory."""


class LogBroker(Protocol):
    """Fetches lines from the nodes that have them. Implemented by the dispatcher."""

    def subscribe(self, tasks: list[Task], options: LogOptions) -> AsyncIterator[Line]:
        """Lines of these tasks (all have a node), each with its task; ends when no more can come. `aclose` it to
        stop early."""


def task_logs(broker: LogBroker, tasks: list[Task], options: LogOptions) -> AsyncIterator[Line]:
    """Lines of tasks that have a node; the others have said nothing yet."""
    return broker.subscribe([task for task in tasks if task.node_id], options)


async def follow_service(
    store: Store, broker: LogBroker, service_id: str, options: LogOptions,
) -> AsyncIterator[Line]:
    """Lines of all tasks of a service, and of each that comes later, until closed."""
    lines: Lines = asyncio.Queue(_UNREAD_LINES)
    with store.watch(Task) as watch:
        known = {task.id for task in store.find(Task, service_id=service_id) if task.node_id}
        first = [task for task in store.find(Task, service_id=service_id) if task.node_id]
        feeder = asyncio.ensure_future(_feed(broker, watch, service_id, known, first, options, lines))
        try:
            while True:
                line = await lines.get()
                if isinstance(line, SwarmError):
                    raise line
                yield line
        finally:
            feeder.cancel()


async def _feed(
    broker: LogBroker, watch: Watch, service_id: str, known: set[str], first: list[Task], options: LogOptions,
    lines: Lines,
) -> None:
    """Keep one subscription for the tasks there are, and one for each batch of tasks that comes."""
    pumps = [asyncio.ensure_future(_pump(broker, first, options, lines))]
    try:
        while True:
            changes = await watch.next()
            new = {c.new.id: c.new for c in changes if c.new and c.new.service_id == service_id and c.new.node_id}
            fresh = [task for task_id, task in new.items() if task_id not in known]
            known.update(new)
            if fresh:
                # A task that starts now is shown from its first line, whatever the tail asked for the old ones.
                later = replace(options, tail=-1)
                pumps.append(asyncio.ensure_future(_pump(broker, fresh, later, lines)))
    finally:
        for pump in pumps:
            pump.cancel()


async def _pump(broker: LogBroker, tasks: list[Task], options: LogOptions, lines: Lines) -> None:
    try:
        async for line in broker.subscribe(tasks, options):
            await lines.put(line)
    except SwarmError as error:
        await lines.put(error)
