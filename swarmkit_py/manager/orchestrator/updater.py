"""Owns the loop that carries out updates: when to ask `update.step`, and writing what it says. With a failure action
of rollback it also puts a service's previous spec back: the one spec that is not written by a user.

Counterpart: the Supervisor and the goroutines of swarmkit/manager/orchestrator/update/updater.go.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.loop import follow
from swarmkit_py.manager.orchestrator.plan import carry_out
from swarmkit_py.manager.orchestrator.slots import follows_nodes, is_global, is_replicated
from swarmkit_py.manager.orchestrator.turns import Turns
from swarmkit_py.manager.orchestrator.update import UpdatePlan, UpdateStep
from swarmkit_py.manager.orchestrator.update import step as by_policy
from swarmkit_py.manager.versions import rolled_back
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.states import Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change


class Updater:
    """Brings services' tasks to their current spec, slot by slot. `run()` until cancelled."""

    kinds: tuple[type[Object], ...] = (Service, Task, Node)

    def __init__(self, store: Store, clock: Clock, ids: Ids, step: UpdateStep = by_policy) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._step = step
        self._turns = Turns(clock)

    async def run(self) -> None:
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        self._turns.mark(service.id for service in self._store.all(Service))

    def notice(self, change: Change) -> None:
        if change.kind is Service:
            self._turns.mark([change.object.id])
        elif change.kind is Task and _matters(change):
            service = self._store.get(Service, change.object.service_id)
            if service is not None and service.update_status is not None:
                self._turns.mark([service.id])
        elif change.kind is Node and _node_matters(change):
            self._turns.mark(s.id for s in self._store.all(Service) if follows_nodes(s))

    def tick(self) -> float | None:
        """One service's turn."""
        service_id = self._turns.take()
        if service_id is not None:
            self._update(service_id)
        return self._turns.rest()

    def _update(self, service_id: str) -> None:
        service = self._store.get(Service, service_id)
        if service is None or not (is_replicated(service) or is_global(service)):
            return
        now = self._clock.now()
        nodes = {node.id: node for node in self._store.all(Node)}
        plan = self._step(service, self._store.find(Task, service_id=service_id), nodes, now)
        if plan.wake_at is not None:
            self._turns.call(service_id, plan.wake_at)
        if (plan.steps or plan.status) and not self._store.update(
                lambda tx: self._carry_out(tx, plan, service, now), writer=Writer.ORCHESTRATOR):
            self._turns.mark([service_id])

    def _carry_out(self, tx: Transaction, plan: UpdatePlan, service: Service, now: datetime) -> bool:
        complete = carry_out(tx, plan, service, self._ids, now)
        if plan.roll_back and plan.status is not None:
            tx.update(rolled_back(service, tx.index, plan.status, again=False))
        elif plan.status is not None:
            tx.update(replace(service, update_status=plan.status))
        return complete


def _matters(change: Change) -> bool:
    """A task came up, ended, was wished something else, or has a new reason to wait."""
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return (old.desired_state, old.status.state, old.status.err) != (
        new.desired_state, new.status.state, new.status.err)


def _node_matters(change: Change) -> bool:
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return (old.spec, old.status.state) != (new.spec, new.status.state)
