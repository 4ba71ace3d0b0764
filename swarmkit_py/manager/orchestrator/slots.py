"""Owns the notion of a slot: the tasks that are attempts at the same place of a service. Pure; no store, no clock.

A replicated service's slot is a number from 1, a global service's "slot" is a node's id.
Counterpart: swarmkit/manager/orchestrator/slot.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState

SlotKey = int | str
Slots = dict[SlotKey, list[Task]]


def slot_of(task: Task) -> SlotKey:
    """The slot's number, or the node's id for a task of a global service."""
    return task.slot or task.node_id


def by_slot(tasks: Iterable[Task]) -> Slots:
    """Tasks grouped by slot, the oldest first in each."""
    slots: Slots = {}
    for task in tasks:
        slots.setdefault(slot_of(task), []).append(task)
    for members in slots.values():
        members.sort(key=age)
    return slots


def age(task: Task) -> tuple[object, str]:
    """Sort key: older tasks first; the id settles ties, so that every run orders alike."""
    return task.created_at, task.id


def wanted(task: Task) -> bool:
    """True while the task is meant to run, or to run as soon as its brake (desired READY) is let go. A job's task is
    meant to run to its end (desired COMPLETE), and stays wanted as the proof that it did."""
    return task.desired_state.rank <= TaskState.COMPLETE.rank


def running(task: Task) -> bool:
    """True if the task is meant to run and does."""
    return wanted(task) and task.status.state is TaskState.RUNNING


def run_state(task: Task) -> TaskState:
    """What to wish for a task that shall run: a job's task runs to its end."""
    return TaskState.RUNNING if task.job_iteration is None else TaskState.COMPLETE


def accomplished(task: Task) -> bool:
    """True for a job's task that has run to its end as it should."""
    return task.job_iteration is not None and task.status.state is TaskState.COMPLETE


def on_a_node(task: Task) -> bool:
    """True while a container of the task may exist: assigned, and not ended for good."""
    return TaskState.ASSIGNED.rank <= task.status.state.rank <= TaskState.RUNNING.rank


def kept(tasks: Iterable[Task]) -> list[Task]:
    """Without the tasks that are on their way out (desired REMOVE): these are no part of a slot's history."""
    return [task for task in tasks if task.desired_state is not TaskState.REMOVE]


def stop_state(task: Task) -> TaskState:
    """What to wish for a task that shall stop: it stays as history, unless it never reached a node at all."""
    assigned = task.status.state.rank >= TaskState.ASSIGNED.rank
    return TaskState.SHUTDOWN if assigned else TaskState.REMOVE


def surplus_rivals(members: list[Task]) -> list[Task]:
    """Of several tasks to run in one slot (never by our own doing) all but the one that is furthest on. A task of
    another spec is no rival: the updater lets an old and a new one run side by side, and ends that itself."""
    groups: dict[int, list[Task]] = {}
    to_run = [task for task in members if wanted(task)]
    old = {task.id for task in to_run}
    for task in to_run:
        if task.moved_from in old:
            continue  # the rebalancer lets both run for a moment, and ends that itself
        groups.setdefault(task.spec_index, []).append(task)
    return [task for group in groups.values() for task in all_but_the_furthest(group)]


def all_but_the_furthest(tasks: list[Task]) -> list[Task]:
    """Without the one that is nearest to running, or runs."""
    best = max(tasks, key=lambda task: (not task.status.state.terminal, task.status.state.rank))
    return [task for task in tasks if task is not best]


def is_replicated(service: Service) -> bool:
    return service.spec.mode.replicated is not None


def is_global(service: Service) -> bool:
    return service.spec.mode.global_ is not None


def is_replicated_job(service: Service) -> bool:
    return service.spec.mode.replicated_job is not None


def is_global_job(service: Service) -> bool:
    return service.spec.mode.global_job is not None


def follows_nodes(service: Service) -> bool:
    """True if the nodes there are decide which tasks the service has."""
    return is_global(service) or is_global_job(service)
