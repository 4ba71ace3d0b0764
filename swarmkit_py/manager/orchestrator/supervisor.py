"""Owns the loop that replaces tasks: those that ended, and those whose node went down or was drained. Knows when to
look at a service's slots; what to do is `restart`'s and `supervise`'s to say.

Counterpart: swarmkit/manager/orchestrator/restart/restart.go and the `tasks.go` of the orchestrators.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator.nodes import Nodes, must_leave, node_of, takes_new
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan, carry_out
from swarmkit_py.manager.orchestrator.restart import should_restart, start_due
from swarmkit_py.manager.orchestrator.slots import (
    accomplished,
    by_slot,
    follows_nodes,
    run_state,
    slot_of,
    stop_state,
    wanted,
)
from swarmkit_py.manager.orchestrator.turns import Turns
from swarmkit_py.manager.versions import is_dirty
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.states import TaskState, Writer
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change


def supervise(service: Service, tasks: Iterable[Task], nodes: Nodes, now: datetime) -> Plan:
    """What to change so that no slot's task to run is one that ended or must leave, and who waits starts in time."""
    plan = Plan()
    for members in by_slot(tasks).values():
        going, staying = [], []
        for task in members:
            if not wanted(task) or accomplished(task):
                continue
            due = start_due(task, members, nodes, now) if task.desired_state is TaskState.READY else now
            if must_leave(task, nodes) or (task.status.state.terminal and due <= now):
                going.append(task)
                continue
            staying.append(task)
            if due > now:
                plan.wake_by(due)  # even if it has ended: an image that is not there must not be tried without delay
            else:
                plan.wish(task, run_state(task))
        if going:
            _replace(plan, service, going, staying, members, nodes)
    return plan


def _replace(
    plan: Plan, service: Service, going: list[Task], staying: list[Task], slot: list[Task], nodes: Nodes,
) -> None:
    """Let tasks of a slot go, with one successor if the policy wants one, (global) the node may still have one, and
    nothing that stays does. What follows a task of an older spec is a step of its update."""
    *others, last = going
    for task in others:
        plan.wish(task, stop_state(task))
    again = should_restart(last, slot) and not _is_provided_for(service, going, staying, nodes)
    if follows_nodes(service):
        again = again and takes_new(service, nodes.get(last.node_id))
    replaces = "" if last.spec_index == service.spec_index else last.id
    plan.wish(last, stop_state(last), NewTask(slot_of(last), TaskState.READY, replaces) if again else None)


def _is_provided_for(service: Service, going: list[Task], staying: list[Task], nodes: Nodes) -> bool:
    """True if a task that stays is all the slot needs. In a start-first update two are side by side: the old one does
    not stand in for the new one, or the update would never get on."""
    def current(task: Task) -> bool:
        return not is_dirty(service, task, node_of(task, nodes))

    return bool(staying) and (any(map(current, staying)) or not any(map(current, going)))


class RestartSupervisor:
    """Replaces tasks by the restart policy and lets replacements start. `run()` until cancelled."""

    kinds: tuple[type[Object], ...] = (Service, Task, Node)

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._turns = Turns(clock)

    async def run(self) -> None:
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        self._turns.mark(service.id for service in self._store.all(Service))

    def notice(self, change: Change) -> None:
        if change.kind is Service:
            self._turns.mark([change.object.id])
        elif change.kind is Task and _matters(change):
            self._turns.mark([change.object.service_id])
        elif change.kind is Node and _node_matters(change):
            tasks = self._store.find(Task, node_id=change.object.id)
            self._turns.mark(task.service_id for task in tasks)

    def tick(self) -> float | None:
        """One service's turn."""
        service_id = self._turns.take()
        if service_id is not None:
            self._supervise(service_id)
        return self._turns.rest()

    def _supervise(self, service_id: str) -> None:
        service = self._store.get(Service, service_id)
        if service is None:
            return
        now = self._clock.now()
        nodes = {node.id: node for node in self._store.all(Node)}
        plan = supervise(service, self._store.find(Task, service_id=service_id), nodes, now)
        if plan.wake_at is not None:
            self._turns.call(service_id, plan.wake_at)
        if plan.steps and not self._store.update(
                lambda tx: carry_out(tx, plan, service, self._ids, now), writer=Writer.ORCHESTRATOR):
            self._turns.mark([service_id])


def _matters(change: Change) -> bool:
    """Something ended, left a slot, or waits for its start."""
    old, new = change.old, change.new
    if not change.object.service_id:
        return False
    if old is None or new is None:
        return new is None or new.desired_state is TaskState.READY
    return old.desired_state is not new.desired_state or new.status.state.terminal is not old.status.state.terminal


def _node_matters(change: Change) -> bool:
    old, new = change.old, change.new
    if old is None or new is None:
        return new is None
    return (old.spec.availability, old.status.state) != (new.spec.availability, new.status.state)
