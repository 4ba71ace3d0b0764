"""Owns what happens when a node changes under its tasks: those that no longer fit are rejected, and so replaced.

Labels decide through constraints, a smaller machine through reservations. What is not the node's own (a service's
constraints changed) is the updater's business. Counterpart: swarmkit/manager/orchestrator/constraintenforcer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator.nodes import is_unusable
from swarmkit_py.manager.orchestrator.slots import age, on_a_node, wanted
from swarmkit_py.manager.versions import fits
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.specs import Resources
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

NO_LONGER_FITS = "assigned node no longer meets constraints"
TOO_SMALL = "assigned node no longer has the resources that the task reserves"


def misfits(node: Node, tasks: Iterable[Task], services: Mapping[str, Service]) -> dict[str, str]:
    """Ids of the node's tasks that must leave it, each with the reason. Where room is short, the older stay."""
    if is_unusable(node):
        return {}  # all of them leave: the restart supervisor's work
    here = sorted((task for task in tasks if wanted(task) and on_a_node(task) and not task.attached), key=age)
    reasons = {}
    cpus, memory = _room(node)
    for task in here:
        service = services.get(task.service_id)
        if service is not None and not fits(service, node):
            reasons[task.id] = NO_LONGER_FITS
            continue
        asked = _reserved(task)
        if (asked.nano_cpus or 0) > cpus or (asked.memory_bytes or 0) > memory:
            reasons[task.id] = TOO_SMALL
            continue
        cpus, memory = cpus - (asked.nano_cpus or 0), memory - (asked.memory_bytes or 0)
    return reasons


def _room(node: Node) -> tuple[float, float]:
    """CPUs (billionths) and bytes of the machine; not described yet: no limit, rather than a false alarm."""
    have = node.description.resources if node.description else Resources()
    boundless = float("inf")
    return (boundless if have.nano_cpus is None else have.nano_cpus,
            boundless if have.memory_bytes is None else have.memory_bytes)


def _reserved(task: Task) -> Resources:
    resources = task.spec.resources
    return (resources.reservations if resources else None) or Resources()


class ConstraintEnforcer:
    """Rejects tasks whose node has changed so that they no longer fit. `run()` until cancelled."""

    kinds: tuple[type[Object], ...] = (Node,)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._dirty: dict[str, None] = {}

    async def run(self) -> None:
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        self._dirty.update((node.id, None) for node in self._store.all(Node))

    def notice(self, change: Change) -> None:
        if change.old is not None and change.new is not None and _matters(change.old, change.new):
            self._dirty[change.new.id] = None

    def tick(self) -> float | None:
        """One node's turn."""
        node_id = next(iter(self._dirty), None)
        if node_id is None:
            return None
        del self._dirty[node_id]
        node = self._store.get(Node, node_id)
        if node is not None:
            self._enforce(node)
        return 0 if self._dirty else None

    def _enforce(self, node: Node) -> None:
        tasks = self._store.find(Task, node_id=node.id)
        named = {task.service_id for task in tasks}
        services = {sid: s for sid in named if (s := self._store.get(Service, sid)) is not None}
        reasons = misfits(node, tasks, services)
        if reasons:
            self._store.update(lambda tx: self._reject(tx, reasons), writer=Writer.ENFORCER)

    def _reject(self, tx: Transaction, reasons: dict[str, str]) -> None:
        for task_id, reason in reasons.items():
            task = tx.get(Task, task_id)
            if task is not None:
                status = replace(task.status, timestamp=self._clock.now(), state=TaskState.REJECTED,
                                 message=reason, err=reason)
                tx.update(replace(task, status=status))


def _matters(old: Node, new: Node) -> bool:
    """What constraints and reservations can depend on."""
    return (old.spec, old.status.addr, old.description) != (new.spec, new.status.addr, new.description)
