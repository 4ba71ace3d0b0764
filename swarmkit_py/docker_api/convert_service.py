"""Owns services in Docker's JSON, both ways: what a client sends becomes a spec, a stored service an answer.

Counterpart: moby/daemon/cluster/convert/service.go; swarmkit/api/defaults/service.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.convert import Json, meta, plain, without_empty_lists
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Node, Service, Task
from swarmkit_py.model.specs import SECOND, ServiceMode, ServiceSpec
from swarmkit_py.model.states import NodeState, TaskState

_MODES = ("Replicated", "Global", "ReplicatedJob", "GlobalJob")
_UPDATE: Json = {
    "Parallelism": 1, "FailureAction": "pause", "Monitor": 5 * SECOND, "MaxFailureRatio": 0, "Order": "stop-first",
}
_RESTART: Json = {"Condition": "any", "Delay": 5 * SECOND, "MaxAttempts": 0}


def service_spec(body: Json) -> ServiceSpec:
    """The spec a client sent, with what Docker fills in before storing it. Raises InvalidArgument."""
    body = without_empty_lists(body)
    template = body.setdefault("TaskTemplate", {})
    if not isinstance(template, dict) or not isinstance(body.setdefault("Mode", {}), dict):
        raise InvalidArgument("the request body does not fit: TaskTemplate and Mode must be objects")
    _complete_mode(body["Mode"])
    if isinstance(template.get("ContainerSpec"), dict):
        template["ContainerSpec"].setdefault("Isolation", "default")
        template.setdefault("Runtime", "container")
    return convert_body(body, ServiceSpec)


def _complete_mode(mode: Json) -> None:
    given = [name for name in _MODES if name in mode]
    if len(given) > 1:
        raise InvalidArgument("must specify only one service mode")
    if not given:
        mode["Replicated"] = {}
    if isinstance(mode.get("Replicated"), dict):
        mode["Replicated"].setdefault("Replicas", 1)


def service_json(service: Service, status: Json | None = None, *, insert_defaults: bool = False) -> Json:
    """A service as `GET /services/{id}` shows it; `status` is its ServiceStatus if asked for."""
    answer = meta(service)
    answer["Spec"] = _spec_json(service.spec)
    if insert_defaults:
        _insert_defaults(answer["Spec"])
    if service.previous_spec is not None:
        answer["PreviousSpec"] = _spec_json(service.previous_spec)
    answer["Endpoint"] = _endpoint_json(service)
    if service.update_status is not None:
        answer["UpdateStatus"] = plain(service.update_status)
    if status is not None:
        answer["ServiceStatus"] = status
    return answer


def _spec_json(spec: ServiceSpec) -> Json:
    answer: Json = plain(spec)
    answer.setdefault("Mode", {})
    if "Replicated" in answer["Mode"]:
        answer["Mode"]["Replicated"].setdefault("Replicas", 1)
    container = answer.setdefault("TaskTemplate", {"ForceUpdate": 0}).get("ContainerSpec")
    if container is not None:
        container.setdefault("Isolation", "default")
        answer["TaskTemplate"].setdefault("Runtime", "container")
    return answer


def _endpoint_json(service: Service) -> Json:
    """`{"Spec":{}}` until the allocator has been there, as Docker shows it."""
    answer: Json = plain(service.endpoint) if service.endpoint is not None else {}
    answer = {"Spec": {}, **answer}
    return answer


def _insert_defaults(spec: Json) -> None:
    """What was not said, shown as the value that counts (`insertDefaults=true`)."""
    template = spec["TaskTemplate"]
    if container := template.get("ContainerSpec"):
        container.setdefault("StopGracePeriod", 10 * SECOND)
        container.setdefault("DNSConfig", {})
    template.setdefault("Resources", {"Limits": {}, "Reservations": {}})
    template["RestartPolicy"] = {**_RESTART, **template.get("RestartPolicy", {})}
    template.setdefault("Placement", {})
    for key in ("UpdateConfig", "RollbackConfig"):
        spec[key] = {**_UPDATE, **spec.get(key, {})}
    spec["EndpointSpec"] = {"Mode": "vip", **spec.get("EndpointSpec", {})}


def service_statuses(services: Iterable[Service], tasks: Iterable[Task], nodes: Iterable[Node]) -> Mapping[str, Json]:
    """ServiceStatus by service id. A task on a node that is down is not counted as running: nobody knows that it is
    (Docker counts it, and shows 8/6 after a host died)."""
    down = {node.id for node in nodes if node.status.state is NodeState.DOWN}
    modes = {service.id: service.spec.mode for service in services}
    counts = {service_id: _initial_status(mode) for service_id, mode in modes.items()}
    for task in tasks:
        status = counts.get(task.service_id)
        if status is not None:
            mode = modes[task.service_id]
            status["RunningTasks"] += task.status.state is TaskState.RUNNING and task.node_id not in down
            status["CompletedTasks"] += task.status.state is TaskState.COMPLETE and _is_job(mode)
            status["DesiredTasks"] += mode.replicated is None and task.desired_state is TaskState.RUNNING
    return counts


def _initial_status(mode: ServiceMode) -> Json:
    replicated = mode.replicated
    wanted = 0 if replicated is None else 1 if replicated.replicas is None else replicated.replicas
    return {"RunningTasks": 0, "DesiredTasks": wanted, "CompletedTasks": 0}


def _is_job(mode: ServiceMode) -> bool:
    return mode.replicated_job is not None or mode.global_job is not None
