"""Owns which of the tasks that are to stop may stop now: those that no node's kernel leads to any more.

A task that is to stop is first left out of all endpoints and records. Every node that carries one of its networks
says what its kernel agrees with (`Applied`); when all of them are past the message that left the task out, it is
drained. Nodes that are down do not count. The agent waits for it, but not for ever, so nothing here needs a clock.
Nothing is stored: a new manager asks again.

Counterpart: none. Swarm waits two seconds and hopes that its gossip was faster (controller.go of
moby/daemon/cluster/executor/container; issue moby#30321).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from swarmkit_py.model.objects import Task

FIRST = 1
"""The sequence of the whole set, first in every session."""
NEVER = 2**62
"""A sequence that no session reaches: the node has none now, and may still lead to the task."""


@dataclass(frozen=True)
class Carrier:
    """A node that is not down, the networks it carries, and the sequence of what it was last told of them (NEVER: it
    has no session) and last agreed with."""

    node_id: str
    networks: Collection[str]
    told: int
    applied: int


class Drains:
    """`follow` after the nodes were told, `acknowledge` and `restarted` when one of them speaks; each returns the ids
    of nodes with a task that is drained now. `done`: all that are."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self._waits: dict[str, dict[str, int]] = {}
        """Task id → node id → the sequence that node has yet to agree with."""
        self._homes: dict[str, str] = {}

    @property
    def idle(self) -> bool:
        """True while no task is leaving."""
        return not self._homes

    def follow(self, leaving: Iterable[Task], carriers: Collection[Carrier]) -> set[str]:
        """All tasks that are leaving now, and all nodes that may lead to them. The nodes were told before this."""
        tasks = {task.id: task for task in leaving}
        for task_id in self._homes.keys() - tasks.keys():
            self._forget(task_id)
        up = {carrier.node_id for carrier in carriers}
        for waits in self._waits.values():
            for node_id in waits.keys() - up:
                del waits[node_id]
        known: dict[frozenset[str], dict[str, int]] = {}
        for task in tasks.values():
            if task.id not in self._homes:
                networks = frozenset(attachment.network_id for attachment in task.networks)
                if networks not in known:
                    known[networks] = _waits_for(networks, carriers)
                self._homes[task.id], self._waits[task.id] = task.node_id, dict(known[networks])
        return self._finish()

    def acknowledge(self, node_id: str, sequence: int) -> set[str]:
        """A node's kernel agrees with all it was told up to `sequence`."""
        for waits in self._waits.values():
            if waits.get(node_id, NEVER) <= sequence:
                del waits[node_id]
        return self._finish()

    def restarted(self, node_id: str) -> None:
        """A node has a new session: what it was told there first leaves out every task that is leaving."""
        for waits in self._waits.values():
            if node_id in waits:
                waits[node_id] = FIRST

    def _finish(self) -> set[str]:
        ready = [task_id for task_id, waits in self._waits.items() if not waits]
        for task_id in ready:
            del self._waits[task_id]
            self.done.add(task_id)
        return {self._homes[task_id] for task_id in ready}

    def _forget(self, task_id: str) -> None:
        del self._homes[task_id]
        self._waits.pop(task_id, None)
        self.done.discard(task_id)


def _waits_for(networks: frozenset[str], carriers: Iterable[Carrier]) -> dict[str, int]:
    return {
        carrier.node_id: carrier.told for carrier in carriers
        if carrier.applied < carrier.told and not networks.isdisjoint(carrier.networks)
    }
