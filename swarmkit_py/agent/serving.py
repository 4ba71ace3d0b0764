"""Owns the two moments between which a task serves: from when it takes connections, until it has finished them.

Before the first it does not count as running, after the second it may be told to stop. Both waits have a limit: a
program that never listens is still a program, and a dead node must not hold up a living one.
Counterpart: none. Swarm counts a task as soon as its process is there, and stops it two seconds after its removal
(controller.go of moby/daemon/cluster/executor/container; issue moby#30321).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from swarmkit_py.clock import Clock
from swarmkit_py.model.objects import Task
from swarmkit_py.rpc.race import within

log = logging.getLogger(__name__)

LISTEN_LIMIT = 3.0
"""Seconds that a task may take to listen on its published ports before it counts as running all the same."""
DRAIN_LIMIT = 5.0
"""Seconds to wait for the manager's word that no node leads to the task any more."""
FINISH_LIMIT = 2.0
"""Seconds that connections which were open by then have to end."""
LOOK_EVERY = 0.02


def mesh_ports(task: Task) -> set[int]:
    """The TCP ports inside the task that the routing mesh leads to."""
    ports = (task.endpoint.ports if task.endpoint else None) or ()
    return {port.target_port or 0 for port in ports
            if (port.publish_mode or "ingress") == "ingress" and (port.protocol or "tcp") == "tcp"}


async def until_listening(clock: Clock, task: Task, listening: Callable[[], set[int] | None]) -> None:
    """Until the task listens on its published ports. `listening` None: it cannot be seen, so nobody waits."""
    wanted = mesh_ports(task)
    end = clock.monotonic() + LISTEN_LIMIT
    while wanted and (found := listening()) is not None and not wanted <= found:
        if clock.monotonic() >= end:
            log.warning("task %s does not listen on %s, which it publishes", task.id, sorted(wanted - found))
            return
        await clock.sleep(LOOK_EVERY)


async def until_finished(clock: Clock, task: Task, drained: asyncio.Event, connections: Callable[[], int]) -> None:
    """Until no node sends the task anything new (`drained` is set), and then until nobody is connected."""
    if not task.networks:
        return
    try:
        await within(clock, DRAIN_LIMIT, drained.wait())
    except TimeoutError:
        log.warning("task %s: not every node confirmed that it left; it stops all the same", task.id)
    end = clock.monotonic() + FINISH_LIMIT
    while connections() and clock.monotonic() < end:
        await clock.sleep(LOOK_EVERY)
