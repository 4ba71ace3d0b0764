"""Owns whether a task is what its service asks for *now*: the dirty test, and when a new spec means new tasks. Pure.

`Service.spec_index` is the version of what concerns tasks; one that quotes it is current without a further look. Any
other is compared by value: what an update left as it was must not be replaced. Counterpart: IsTaskDirty in
swarmkit/manager/orchestrator/task.go.
"""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.manager import constraints
from swarmkit_py.manager.tasks import task_spec
from swarmkit_py.model.objects import Node, Service, Task, UpdateStatus
from swarmkit_py.model.specs import EndpointSpec, PortConfig, ServiceSpec, TaskSpec

_EndpointKey = tuple[str, list[PortConfig]]


def is_dirty(service: Service, task: Task, node: Node | None) -> bool:
    """True if the task is to be replaced by one of the service's current spec; `node` is where it is (None: nowhere).

    New constraints that the task's node happens to meet are no reason to move it."""
    if task.spec_index == service.spec_index:
        return False
    asked = task_spec(service.spec)
    had = task.endpoint.spec if task.endpoint else None
    if _endpoint_key(service.spec.endpoint_spec, asked) != _endpoint_key(had, task.spec):
        return True
    if asked == task.spec:
        return False
    only_placement = replace(asked, placement=task.spec.placement) == task.spec
    return not (only_placement and node is not None and fits(service, node))


def fits(service: Service, node: Node) -> bool:
    """True if the node meets the service's placement constraints."""
    placement = service.spec.task_template.placement
    expressions = (placement.constraints or []) if placement else []
    return constraints.all_met(constraints.parse(expressions), node)


def spec_index_after(service: Service, spec: ServiceSpec, index: int) -> int:
    """The service's `spec_index` once its spec is `spec`, written at `index`: the old one, if tasks see no difference
    (replicas, labels, the update settings themselves)."""
    old = service.spec
    same = task_spec(old) == task_spec(spec) and old.endpoint_spec == spec.endpoint_spec
    return service.spec_index if same else index


def rolled_back(service: Service, index: int, status: UpdateStatus, *, again: bool) -> Service:
    """The service with the spec it had before. Its version is a new one all the same: so what a rollback started can
    be told from what was never touched. `again`: the spec given up becomes the previous one (a second rollback
    brings it back). The caller has seen that there is a previous spec."""
    assert service.previous_spec is not None
    return replace(
        service, spec=service.previous_spec, spec_index=spec_index_after(service, service.previous_spec, index),
        previous_spec=service.spec if again else None, previous_spec_index=service.spec_index if again else 0,
        update_status=status)


def _endpoint_key(endpoint: EndpointSpec | None, template: TaskSpec) -> _EndpointKey:
    """What of an endpoint a task can feel: its ports, and how its name resolves where it has networks."""
    endpoint = endpoint or EndpointSpec()
    return (endpoint.mode or "vip") if template.networks else "vip", endpoint.ports or []
