"""Owns a second opinion on what a swarm at rest should look like, in as few words as it can be said.

Deliberately not the code that it judges: simple, slow, and unaware of how the loops work. Counterpart: none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import Resources
from swarmkit_py.model.states import Availability, NodeState, TaskState
from swarmkit_py.store.memory import Store

ENDED_BY_ITSELF = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED)


def on_node(task: Task) -> bool:
    """Its container may exist."""
    return TaskState.ASSIGNED.rank <= task.status.state.rank <= TaskState.RUNNING.rank


def wished(task: Task) -> bool:
    """True while it is meant to run (a job's task: until its work is done)."""
    goal = TaskState.RUNNING if task.job_iteration is None else TaskState.COMPLETE
    return task.desired_state.rank <= goal.rank


def runs(task: Task) -> bool:
    """Wanted, and running."""
    return wished(task) and task.status.state is TaskState.RUNNING


def labels_fit(service: Service, node: Node) -> bool:
    """Of the constraints, the stories use only `node.labels.rack==x`, `node.role` and `node.hostname`."""
    placement = service.spec.task_template.placement
    for text in (placement.constraints or []) if placement else []:
        key, _, value = text.partition("==")
        if key == "node.labels.rack" and node.spec.labels.get("rack", "") != value:
            return False
        if key == "node.hostname" and (node.description.hostname if node.description else "") != value:
            return False
    return True


def takes(service: Service, node: Node, here: Iterable[Task]) -> bool:
    """True if the node could have one more task of the service, `here` being all tasks of that node."""
    if node.spec.availability is not Availability.ACTIVE or node.status.state is not NodeState.READY:
        return False
    live = [task for task in here if on_node(task)]
    return labels_fit(service, node) and _room(service, node, live) and _ports_free(service, live)


def _room(service: Service, node: Node, live: list[Task]) -> bool:
    asked = _reserved(service.spec.task_template.resources)
    have = node.description.resources if node.description else Resources()
    taken = [_reserved(task.spec.resources) for task in live]
    for name in ("nano_cpus", "memory_bytes"):
        total = sum(getattr(each, name) or 0 for each in [asked, *taken])
        if getattr(asked, name) and total > (getattr(have, name) or 0):
            return False
    placement = service.spec.task_template.placement
    most = placement.max_replicas if placement else None
    mine = [task for task in live if task.service_id == service.id and wished(task)]
    return not most or len(mine) < most


def _reserved(requirements: object) -> Resources:
    return getattr(requirements, "reservations", None) or Resources()


def _ports_free(service: Service, live: list[Task]) -> bool:
    spec = service.spec.endpoint_spec
    wanted = {(p.protocol, p.published_port) for p in (spec.ports if spec else None) or []
              if p.publish_mode == "host" and p.published_port}
    taken = {(p.protocol, p.published_port) for task in live
             for p in (task.endpoint.ports if task.endpoint else None) or [] if p.publish_mode == "host"}
    return not wanted & taken


def given_up(slot: list[Task]) -> bool:
    """True if the slot's policy says that its last task, which ended, gets no successor."""
    history = sorted((t for t in slot if t.desired_state is not TaskState.REMOVE), key=lambda t: (t.created_at, t.id))
    if not history or not history[-1].status.state.terminal:
        return False
    last = history[-1]
    policy = last.spec.restart_policy
    condition = (policy.condition if policy else None) or "any"
    if condition == "none":
        return True
    if condition == "on-failure" and last.status.state is TaskState.COMPLETE:
        return True
    most = (policy.max_attempts if policy else None) or 0
    if not most:
        return False
    window = timedelta(microseconds=((policy.window if policy else None) or 0) / 1000)
    same = [task for task in history if task.spec_index == last.spec_index]
    recent = [task for task in same[1:] if not window or task.created_at >= last.status.timestamp - window]
    return len(recent) >= most


def desired_slots(service: Service, store: Store) -> list[int | str]:
    """The slots that should have a running task."""
    if service.spec.mode.replicated is not None:
        said = service.spec.mode.replicated.replicas
        return list(range(1, (1 if said is None else said) + 1))
    return [node.id for node in store.all(Node)
            if node.spec.availability is Availability.ACTIVE and node.status.state is NodeState.READY
            and labels_fit(service, node)]
