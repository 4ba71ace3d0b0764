"""Owns how far each slot is in its service's update: to be done, under way, up, failed. Pure.

A slot is updated when a task of the current spec was made in the place of one of an older spec: by the updater, or by
the restart supervisor, if the old one ended just then. Counterpart: what
swarmkit/manager/orchestrator/update/updater.go keeps in memory (updatedTasks, its workers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from swarmkit_py.manager.defaults import START_TIMEOUT_SECONDS, STOP_GRACE_PERIOD, UPDATE_CONFIG, filled
from swarmkit_py.manager.orchestrator.nodes import Nodes, node_of, takes_new
from swarmkit_py.manager.orchestrator.restart import ENDED_BY_ITSELF, duration, settled
from swarmkit_py.manager.orchestrator.slots import SlotKey, by_slot, follows_nodes, kept, wanted
from swarmkit_py.manager.versions import is_dirty
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState

UPDATING, PAUSED, COMPLETED = "updating", "paused", "completed"
ROLLBACK_STARTED, ROLLBACK_PAUSED, ROLLBACK_COMPLETED = "rollback_started", "rollback_paused", "rollback_completed"
"""The states of an UpdateStatus, in Docker's words."""


class UpdatePolicy(NamedTuple):
    """An UpdateConfig with Docker's defaults filled in. `parallelism` 0: all at once."""

    parallelism: int
    delay: timedelta
    monitor: timedelta
    failure_action: str
    max_failure_ratio: float
    start_first: bool
    start_within: timedelta
    """From a new task's creation (the old one may have to stop first) to RUNNING; later it has failed."""


def policy_of(service: Service) -> UpdatePolicy:
    """The policy in force: that of the rollback while one is under way."""
    status = service.update_status
    rolling_back = status is not None and status.state == ROLLBACK_STARTED
    said = filled(service.spec.rollback_config if rolling_back else service.spec.update_config, UPDATE_CONFIG)
    delay, monitor = duration(said.delay), duration(said.monitor or UPDATE_CONFIG.monitor)
    if delay >= monitor:
        monitor = delay + timedelta(seconds=1)  # else nobody would watch a task while the next one waits
    return UpdatePolicy(
        said.parallelism, delay, monitor, said.failure_action or "pause", said.max_failure_ratio,
        said.order == "start-first", _start_within(service))


@dataclass(frozen=True)
class Slot:
    """One slot of a service, oldest task first in each list. `old` and `new` are wanted: those to be replaced, and
    those of the current spec."""

    key: SlotKey
    old: list[Task]
    new: list[Task]
    made: list[Task]
    """Of the current spec, each the first after one of an older spec, whatever became of them."""
    resting: Task | None
    """Nothing is to run here, by the restart policy of this last task; a new spec is a new chance."""
    up_at: datetime | None
    """When the first of `made`, or of what followed it, came up or showed that it will not."""

    @property
    def dirty(self) -> bool:
        return bool(self.old) or self.resting is not None

    @property
    def under_way(self) -> bool:
        """True while a worker of the update is waiting for this slot's new task."""
        return bool(self.made) and self.up_at is None and bool(self.new)

    def made_since(self, start: datetime | None) -> list[Task]:
        """Those made in the course of the update that began at `start`."""
        return [task for task in self.made if start is not None and task.created_at >= start]


def survey(service: Service, tasks: Iterable[Task], nodes: Nodes, policy: UpdatePolicy, now: datetime) -> list[Slot]:
    """Every slot that an update may concern, in order of its number (or node id). A global service's tasks on a node
    that takes no new ones are left alone."""
    found = []
    for key, members in sorted(by_slot(kept(tasks)).items(), key=lambda item: str(item[0]).zfill(12)):
        if not follows_nodes(service) or takes_new(service, nodes.get(str(key))):
            found.append(_slot(service, key, members, nodes, policy, now))
    return found


def failed(task: Task, policy: UpdatePolicy, now: datetime) -> bool:
    """True if a new task ended by itself while it was watched, or did not come up in time."""
    if task.status.state not in ENDED_BY_ITSELF:
        return is_late(task, policy, now)
    since = task.status.started_at
    return since is None or task.status.timestamp - since <= policy.monitor


def is_late(task: Task, policy: UpdatePolicy, now: datetime) -> bool:
    """True for a task that should have been RUNNING long ago (SwarmKit waits for ever)."""
    waits = wanted(task) and not task.status.state.terminal and task.status.started_at is None
    return waits and now >= deadline(task, policy)


def deadline(task: Task, policy: UpdatePolicy) -> datetime:
    return task.created_at + policy.start_within


def _slot(
    service: Service, key: SlotKey, members: list[Task], nodes: Nodes, policy: UpdatePolicy, now: datetime,
) -> Slot:
    to_run = [task for task in members if wanted(task)]
    old = [task for task in to_run if is_dirty(service, task, node_of(task, nodes))]
    made = [task for task in members if task.replaces and task.spec_index == service.spec_index]
    last = members[-1]
    resting = not to_run and settled(members) and is_dirty(service, last, node_of(last, nodes))
    tries = [task for task in members if made and task.spec_index == service.spec_index]
    came_up = [when for task in tries if (when := _up_at(task, policy, now)) is not None]
    return Slot(
        key=key, old=old, new=[task for task in to_run if not any(task is other for other in old)], made=made,
        resting=last if resting else None, up_at=min(came_up, default=None))


def _up_at(task: Task, policy: UpdatePolicy, now: datetime) -> datetime | None:
    if task.status.started_at is not None:
        return task.status.started_at
    if task.status.state is TaskState.RUNNING or task.status.state.terminal:
        return task.status.timestamp
    return deadline(task, policy) if is_late(task, policy, now) else None


def _start_within(service: Service) -> timedelta:
    container = service.spec.task_template.container_spec
    grace = container.stop_grace_period if container else None
    return timedelta(seconds=START_TIMEOUT_SECONDS) + duration(STOP_GRACE_PERIOD if grace is None else grace)
