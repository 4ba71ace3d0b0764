"""Owns what must hold after every commit, whatever happens: each rule looks at what changed, and keeps what it needs.

Written against the words of the model alone: nothing here asks the code that it judges. Counterpart: the invariants
of swarmkit/design/tla/SwarmKit.tla.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.states import TRANSITIONS, NodeState, TaskState, Writer
from swarmkit_py.sim import oracle
from swarmkit_py.sim.witness import Witness
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change

OLD_TASK_TIMEOUT = timedelta(minutes=1)
_FIELDS: dict[str, tuple[Writer, ...]] = {
    "desired_state": (Writer.ORCHESTRATOR,),
    "node_id": (Writer.SCHEDULER,),
    "networks": (Writer.ALLOCATOR,),
    "endpoint": (Writer.ALLOCATOR,),
    "slot": (),
    "service_id": (),
    "spec_index": (),
}
"""Who may change which field of a task once it exists."""


def describe(task: Task) -> str:
    """A task in one line."""
    name = f"{task.id[:6]} of {task.service_name}.{task.slot or 'global'} on {task.node_id[:6] or '-'}"
    error = f", {task.status.err}" if task.status.err else ""
    return f"task {name}: {task.status.state.value}, wanted {task.desired_state.value}{error}"


class States:
    """Observed states only rise, each step and each field by its writer; tasks go only when nothing can run."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def commit(self, store: Store, changes: list[Change], writer: Writer | None) -> None:
        for change in changes:
            if change.kind is Task:
                self._task(change.old, change.new, writer)

    def _task(self, old: Task | None, new: Task | None, writer: Writer | None) -> None:
        who = writer.value if writer else "somebody who gave no name"
        if old is None or new is None:
            if new is None and old is not None and oracle.on_node(old):
                self._witness.accuse("deleted-alive", f"{who} deleted a task whose container may run", describe(old))
            return
        before, after = old.status.state, new.status.state
        if after.rank < before.rank or new.desired_state.rank < old.desired_state.rank:
            self._witness.accuse("states-rise", f"{who} made a state fall", describe(old), describe(new))
        if before is not after and (writer is None or (before, after) not in TRANSITIONS[writer]):
            self._witness.accuse("one-writer", f"{who} moved a task", describe(old), describe(new))
        for field, writers in _FIELDS.items():
            if writer not in writers and getattr(old, field) != getattr(new, field):
                self._witness.accuse("one-writer", f"{who} changed {field}", describe(old), describe(new))


class Slots:
    """No slot has two tasks that are wanted and run; a successor waits for its predecessor, unless start-first."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def commit(self, store: Store, changes: list[Change], writer: Writer | None) -> None:
        for change in changes:
            if change.kind is Task and change.new is not None and change.new.desired_state is TaskState.RUNNING:
                service = store.get(Service, change.new.service_id)
                if service is not None and not is_job(service):
                    self._slot(store, change.old, change.new, start_first(service))

    def _slot(self, store: Store, old: Task | None, task: Task, pairs: bool) -> None:
        others = [other for other in store.find(Task, service_id=task.service_id)
                  if other.id != task.id and (other.slot or other.node_id) == (task.slot or task.node_id)]
        rivals = [other for other in others if other.desired_state is TaskState.RUNNING]
        if len(rivals) > pairs:
            self._witness.accuse("one-per-slot", f"{len(rivals) + 1} tasks of one slot are to run", describe(task),
                                 *map(describe, rivals))
        for other in () if pairs else others:
            starts = old is None or old.desired_state is not TaskState.RUNNING
            if starts and self._overlaps(store, task, other):
                self._witness.accuse("stop-first", "a task is let go while the one before it may run",
                                     describe(task), describe(other))

    def _overlaps(self, store: Store, task: Task, other: Task) -> bool:
        place = store.get(Node, other.node_id)
        reachable = place is not None and place.status.state is not NodeState.DOWN
        # A task that is to be removed left a slot that was scaled away: its number may be used again at once.
        leaving = other.desired_state is TaskState.REMOVE
        waited = store.clock.now() - task.created_at
        return oracle.on_node(other) and reachable and not leaving and waited < OLD_TASK_TIMEOUT


class Restarts:
    """A slot that ended for good, by its restart policy, gets no further task of the same spec."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def commit(self, store: Store, changes: list[Change], writer: Writer | None) -> None:
        let_go = {new.id for kind, old, new in changes
                  if kind is Task and old is not None and new is not None and oracle.wished(old)}
        for kind, old, new in changes:
            if kind is Task and old is None and new.service_id:
                service = store.get(Service, new.service_id)
                if service is not None and not is_job(service):
                    self._made(store, new, let_go)

    def _made(self, store: Store, task: Task, let_go: set[str]) -> None:
        before = [other for other in store.find(Task, service_id=task.service_id)
                  if other.id != task.id and (other.slot or other.node_id) == (task.slot or task.node_id)]
        if any(oracle.wished(o) or (o.id in let_go and o.spec_index != task.spec_index) for o in before):
            return  # an update's: until this commit a task of the old spec was to run
        if before and before[-1].spec_index == task.spec_index and oracle.given_up(before):
            self._witness.accuse("restart-policy", "a slot that ended for good gets another task", describe(task),
                                 *map(describe, before))


class Places:
    """A task is assigned only to a node that may have it at that moment."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def commit(self, store: Store, changes: list[Change], writer: Writer | None) -> None:
        for kind, old, new in changes:
            if kind is Task and old is not None and new is not None and (
                    old.status.state, new.status.state) == (TaskState.PENDING, TaskState.ASSIGNED):
                self._placed(store, new)

    def _placed(self, store: Store, task: Task) -> None:
        service, node = store.get(Service, task.service_id), store.get(Node, task.node_id)
        if node is None:
            self._witness.accuse("placed-well", "assigned to a node that is not there", describe(task))
        elif service is not None and service.spec_index == task.spec_index:
            others = [other for other in store.find(Task, node_id=node.id) if other.id != task.id]
            if not oracle.takes(service, node, others):
                self._witness.accuse("placed-well", "assigned to a node that cannot have it", describe(task),
                                     (node.spec.availability.value, node.status.state.value, node.spec.labels))


class Holders:
    """Nothing is given twice: addresses, mesh ports, VNIs, subnets' gateways."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self.holder: dict[tuple[str, str], tuple[str, str]] = {}

    def commit(self, store: Store, changes: list[Change], writer: Writer | None) -> None:
        for change in changes:
            me = (change.kind.__name__.lower(), change.object.id)
            for thing in set(things(change.old)) - set(things(change.new)):
                if self.holder.get(thing) == me:
                    del self.holder[thing]
        for change in changes:
            me = (change.kind.__name__.lower(), change.object.id)
            for thing in things(change.new):
                other = self.holder.setdefault(thing, me)
                if other != me:
                    self._witness.accuse("given-twice", f"{thing[0]} {thing[1]}", *map(" ".join, (me, other)))

    def reset(self, store: Store) -> None:
        """Again from the tables."""
        self.holder.clear()
        for kind in (Network, Node, Service, Task):
            for obj in store.all(kind):
                for thing in things(obj):
                    self.holder[thing] = (kind.__name__.lower(), obj.id)


def things(obj: Any) -> Iterator[tuple[str, str]]:
    """What an object has for itself alone."""
    if isinstance(obj, Task) and not obj.status.state.terminal:
        for at in obj.networks:
            yield from (("address on " + at.network_id, a.partition("/")[0]) for a in at.addresses)
    elif isinstance(obj, Node):
        for at in obj.attachments:
            yield from (("address on " + at.network_id, a.partition("/")[0]) for a in at.addresses)
    elif isinstance(obj, Service) and obj.endpoint:
        for vip in obj.endpoint.virtual_ips or []:
            yield "address on " + vip.network_id, vip.addr.partition("/")[0]
        for port in obj.endpoint.ports or []:
            if port.publish_mode == "ingress" and port.published_port:
                yield "port", f"{port.protocol}/{port.published_port}"
    elif isinstance(obj, Network) and obj.vni:
        yield "VNI", str(obj.vni)
        yield "subnet", obj.subnet
        yield "address on " + obj.id, obj.gateway.partition("/")[0]


def is_job(service: Service) -> bool:
    return service.spec.mode.replicated_job is not None or service.spec.mode.global_job is not None


def start_first(service: Service) -> bool:
    """True if an update or its rollback may run two tasks of a slot for a while."""
    specs = [service.spec, *([service.previous_spec] if service.previous_spec else [])]
    configs = [config for spec in specs for config in (spec.update_config, spec.rollback_config)]
    return any(config is not None and config.order == "start-first" for config in configs)
