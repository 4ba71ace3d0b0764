"""Owns the loop that turns services into tasks: when to ask `replicated`, `global_mode` or `jobs`, not what they say.

Counterpart: the loops of swarmkit/manager/orchestrator/{replicated,global,jobs}; one is enough.
"""

from __future__ import annotations

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator import global_mode, jobs, repair, replicated
from swarmkit_py.manager.orchestrator.plan import Plan, carry_out
from swarmkit_py.manager.orchestrator.slots import follows_nodes, is_global, is_replicated, is_replicated_job
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.states import Writer
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change


class ServiceOrchestrator:
    """Keeps each service's number of tasks right. `run()` until cancelled."""

    kinds: tuple[type[Object], ...] = (Service, Task, Node)

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._dirty: dict[str, None] = {}

    async def run(self) -> None:
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        services = {service.id for service in self._store.all(Service)}
        gone = repair.abandoned_services(services, self._store.all(Task))
        self._dirty.update(dict.fromkeys(sorted(services | gone)))

    def notice(self, change: Change) -> None:
        if change.kind is Service:
            self._dirty[change.object.id] = None
        elif change.kind is Task and _matters(change):
            self._dirty[change.object.service_id] = None
        elif change.kind is Node and _node_matters(change):
            self._dirty.update((s.id, None) for s in self._store.all(Service) if follows_nodes(s))

    def tick(self) -> float | None:
        """One service's turn."""
        service_id = next(iter(self._dirty), None)
        if service_id is None:
            return None
        del self._dirty[service_id]
        if not self._reconcile(service_id):
            self._dirty[service_id] = None
        return 0 if self._dirty else None

    def _reconcile(self, service_id: str) -> bool:
        """Bring one service nearer to what is wanted; True if it is there."""
        service = self._store.get(Service, service_id)
        plan = self._plan(service, self._store.find(Task, service_id=service_id))
        if not plan.steps:
            return True
        now = self._clock.now()
        return self._store.update(
            lambda tx: carry_out(tx, plan, service, self._ids, now), writer=Writer.ORCHESTRATOR)

    def _plan(self, service: Service | None, tasks: list[Task]) -> Plan:
        if service is None:
            return repair.plan_removal(tasks)
        if is_replicated(service):
            return replicated.plan(service, tasks)
        if is_replicated_job(service):
            return jobs.plan_replicated(service, tasks)
        nodes = {node.id: node for node in self._store.all(Node)}
        return global_mode.plan(service, tasks, nodes) if is_global(service) else jobs.plan_global(
            service, tasks, nodes)


def _matters(change: Change) -> bool:
    """A task that only climbs its states, or is new by our own hand, changes nothing in what is wanted. Its end does:
    it makes room for a job's next task, and a slot whose last task was moved away for good (by the attempts of a
    window that has passed since) is one to fill again. What is done must not depend on who happens to look when."""
    old, new = change.old, change.new
    if not change.object.service_id or old is None:
        return False
    return (new is None or old.desired_state is not new.desired_state
            or new.status.state.terminal is not old.status.state.terminal)


def _node_matters(change: Change) -> bool:
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return bool((old.spec, old.status.state, old.description) != (new.spec, new.status.state, new.description))
