"""Owns what a manager that starts again may find half done, and nothing else repairs. Pure.

Every loop begins by looking at all there is, so most of what a former manager left (a service without its tasks, a
slot without its task, a restart whose delay was running) is simply the first thing the loops see. What no service
leads to are the tasks of services that are gone. Counterpart: swarmkit/manager/orchestrator/taskinit/init.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from swarmkit_py.manager.orchestrator.plan import Plan
from swarmkit_py.manager.orchestrator.slots import kept
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import TaskState


def abandoned_services(service_ids: Collection[str], tasks: Iterable[Task]) -> set[str]:
    """Ids of services that tasks still name but that are no more."""
    return {task.service_id for task in tasks if task.service_id} - set(service_ids)


def plan_removal(tasks: Iterable[Task]) -> Plan:
    """What to change when a service is gone: all its tasks shall stop, and then go as well."""
    result = Plan()
    for task in kept(tasks):
        result.wish(task, TaskState.REMOVE)
    return result
