"""Owns how a service becomes one task. Pure; knows neither store nor nodes.

Counterpart: swarmkit/manager/orchestrator/task.go (NewTask).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.ids import Ids
from swarmkit_py.model.objects import Endpoint, Service, Task, TaskStatus
from swarmkit_py.model.specs import ServiceSpec, TaskSpec
from swarmkit_py.model.states import TaskState


def new_task(
    service: Service, ids: Ids, now: datetime, *, slot: int = 0, node_id: str = "",
    desired: TaskState = TaskState.RUNNING, replaces: str = "",
) -> Task:
    """A NEW task of `service` for `slot` (replicated), or for `node_id` (global). Nothing is allocated yet.
    `replaces`: the task of an older spec in whose place the updater makes it."""
    return Task(
        id=ids.object_id(),
        spec=task_spec(service.spec),
        service_id=service.id,
        service_name=service.spec.name,
        service_labels=service.spec.labels,
        slot=slot,
        node_id=node_id,
        status=TaskStatus(timestamp=now, state=TaskState.NEW, message="created"),
        desired_state=desired,
        endpoint=Endpoint(spec=service.spec.endpoint_spec) if service.spec.endpoint_spec else None,
        spec_index=service.spec_index,
        job_iteration=service.job_status.iteration if service.job_status else None,
        replaces=replaces,
    )


def task_spec(spec: ServiceSpec) -> TaskSpec:
    """What each task of the service is made from. Older clients name the networks beside the task's template, not in
    it; tasks have them in one place."""
    template = spec.task_template
    if template.networks or not spec.networks:
        return template
    return replace(template, networks=spec.networks)
